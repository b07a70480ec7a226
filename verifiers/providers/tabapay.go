package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(tabapay) }

func tabapay() verifiers.Provider {
	scheme := timedList("X-HMAC-Signature", "t", "v1", "v2")
	scheme.EventID = []string{"{header:Idempotency-Key}"}
	return verifiers.Provider{
		Name:  "tabapay",
		Title: "TabaPay",
		Docs: []string{
			"https://developers.tabapay.com/reference/webhook-signature-headers",
			"https://developers.tabapay.com/reference/verifying-webhook-signatures",
		},
		Why:       "v2 is not a second version: for 48 hours after a change of the secret it is the signature by the old one.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "HMAC secret", Where: "the answer to POST /v2/clients/{ClientID}/webhooks/secrets; it is shown once"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why: "The idempotency key is the event's ID and stays the same on retries. It is outside the signature, so it counts " +
				"together with the body.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"Idempotency-Key": "{id}"},
			Body:   `{"eventType":"Transaction","transactionID":"example-1001","status":"COMPLETED","network":"Visa","amount":"1.00"}`,
		},
	}
}
