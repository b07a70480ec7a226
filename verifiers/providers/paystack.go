package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(paystack) }

func paystack() verifiers.Provider {
	scheme := overBody("hex", "X-Paystack-Signature")
	scheme.EventID = []string{"{json:event}:{json:data.id}", "{json:event}:{json:data.reference}"}
	scheme.EventType = []string{"{json:event}"}
	scheme.Hash = "sha512"
	return verifiers.Provider{
		Name:  "paystack",
		Title: "Paystack",
		Docs: []string{
			"https://paystack.com/docs/payments/webhooks/",
			"https://github.com/PaystackOSS/doc-code-snippets/blob/main/src/doc/payments/webhooks/verifying-transaction/index.php",
			"https://raw.githubusercontent.com/PaystackOSS/doc-code-snippets/main/src/doc/payments/webhooks/verifying-signature/index.js",
		},
		Confirmed: true,
		Why: "The key is the API's secret key, so a new API key is a new webhook secret: give both while you change over. " +
			"A later example of Paystack's checks another signature, t=…,v1=key:hex over the time and the body. " +
			"The header that has it is not known here, so it is not looked at.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret key", Where: "the dashboard, Settings > API Keys & Webhooks; it starts with sk_", Prefix: "sk_"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID, and a transaction may have two events of a kind; the body has its state and its times.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"charge.success","data":{"id":302961,"status":"success","reference":"{id}","amount":10000,"paid_at":"{time}",` +
				`"currency":"NGN"}}`,
		},
	}
}
