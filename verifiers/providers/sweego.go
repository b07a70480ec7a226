package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(sweego) }

func sweego() verifiers.Provider {
	return verifiers.Provider{
		Name:  "sweego",
		Title: "Sweego",
		Docs: []string{
			"https://learn.sweego.io/docs/webhooks/webhook_signature",
			"https://github.com/symfony/symfony/blob/8.1/src/Symfony/Component/Mailer/Bridge/Sweego/Webhook/SweegoRequestParser.php",
		},
		Why: "Nearly Standard Webhooks: the same headers, content and key, but the signature has no version before it, and the secret no prefix.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"webhook-signature"}, Encoding: "base64"},
			Secret:    verifiers.SecretFormat{Encoding: "base64"},
			Content:   "{id}.{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:webhook-timestamp}"},
				EventID:   []string{"{header:webhook-id}"},
				EventType: []string{"{json:event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "Sweego's page of the webhook, in base64"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why: "In the example that is known, the time in the header is that of the event. " + renewedUnknown +
				" Symfony's receiver allows 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why:    "The ID is the event's, which the body has as event_id. It is signed.",
		},
		Sample: verifiers.Sample{
			Body: `{"event_type":"delivered","timestamp":"{time}","swg_uid":"02-1001","event_id":"{id}","channel":"email",` +
				`"headers":{"x-transaction-id":"{uuid}"},"recipient":"recipient@example.com","domain_from":"example.org"}`,
		},
	}
}
