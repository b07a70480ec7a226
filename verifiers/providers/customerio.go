package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(customerio) }

func customerio() verifiers.Provider {
	return verifiers.Provider{
		Name:  "customerio",
		Title: "Customer.io (reporting webhooks)",
		Docs: []string{
			"https://customer.io/docs/journeys/webhooks/#securely-verify-requests",
			"https://www.customer.io/docs/api/webhooks/",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-CIO-Signature"}},
			Content:   "v0:{timestamp}:{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-CIO-Timestamp}"},
				EventID:   []string{"{json:event_id}"},
				EventType: []string{"{json:metric}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "webhook signing key", Where: "Data & Integrations > Integrations > Reporting Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: withinWeek,
			Why:       "Customer.io does not say whether a retry renews the signed time. A week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The event's ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"event_id":"{id}","object_type":"email","metric":"delivered","timestamp":{unix},"data":{"customer_id":"0200102",` +
				`"delivery_id":"RPILAgUBcRhIBqSfeiIwdIYJKxTY","recipient":"test@example.com","subject":"Thanks for signing up"}}`,
		},
	}
}
