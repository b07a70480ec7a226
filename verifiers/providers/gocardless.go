package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(gocardless) }

// Compared in November 2026: gocardless-nodejs 10.1.2 is the newest and judges this row.
func gocardless() verifiers.Provider {
	return verifiers.Provider{
		Name:  "gocardless",
		Title: "GoCardless",
		Docs: []string{
			"https://developer.gocardless.com/getting-started/api/staying-up-to-date-with-webhooks/",
			"https://github.com/gocardless/gocardless-nodejs/blob/master/src/webhooks.test.ts",
		},
		Why:       "The header is called as that of Standard Webhooks but is a bare HMAC. The final newline of a body is signed.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Webhook-Signature"}},
			Content:   "{body}",
			Facts:     verifiers.Facts{EventID: []string{"{json:meta.webhook_id}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "webhook endpoint secret", Where: "Developers > Webhook endpoints > the endpoint"},
		Freshness: verifiers.Freshness{Why: "Each event of a batch has a time of its own; the batch has none."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A body is a batch of events, each with an ID of its own (EV…). Older bodies have no ID of the webhook itself.",
		},
		Answers: verifiers.Answers{Refused: verifiers.Answer{Status: 498}},
		Sources: verifiers.Sources{
			Answers: "alphagov/pay-direct-debit-connector, src/main/java/uk/gov/pay/directdebit/webhook/gocardless/exception/InvalidWebhookExceptionMapper.java",
		},
		Sample: verifiers.Sample{
			Body: `{"events":[{"id":"EV{id}","created_at":"{time}","resource_type":"mandates","action":"created","links":{"mandate":"MD1001"},` +
				`"details":{"origin":"api","cause":"mandate_created","description":"Mandate created via the API."},"metadata":{}}],` +
				`"meta":{"webhook_id":"WB{id}"}}`,
		},
	}
}
