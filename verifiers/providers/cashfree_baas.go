package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(cashfreeBaas) }

func cashfreeBaas() verifiers.Provider {
	scheme := overBody("base64", "X-Cashfree-Signature")
	scheme.EventID = []string{"{header:X-Cashfree-Timestamp}:{body.sha256.hex}"}
	scheme.Content = "{header:X-Cashfree-Timestamp}.{body}"
	scheme.Require = apart("{header:X-Cashfree-Timestamp}")
	return verifiers.Provider{
		Name:      "cashfree-baas",
		Title:     "Cashfree Banking as a Service",
		Docs:      []string{"https://docs.cashfree.com/docs/webhooks-2"},
		Why:       "Unlike the payment gateway's webhooks, here a dot stands between time and body.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "client secret", Where: "the dashboard, Developers > API Keys"},
		Freshness: verifiers.Freshness{Why: "The unit of the signed time is not documented, so it is not read."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    timeAndBodyWhy,
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Cashfree-Timestamp": "{unix}"},
			Body:   `{"event":"transfer","data":{"transfer_id":"{id}","status":"SUCCESS","amount":"1.00"}}`,
		},
	}
}
