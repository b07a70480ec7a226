package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(sendgrid) }

// Compared in November 2026: @sendgrid/eventwebhook 8.0.0 is the newest and judges this
// row.
func sendgrid() verifiers.Provider {
	return verifiers.Provider{
		Name:  "sendgrid",
		Title: "Twilio SendGrid (event webhook)",
		Docs: []string{
			"https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
			"https://github.com/sendgrid/sendgrid-go/blob/main/helpers/eventwebhook/eventwebhook.go",
		},
		Why:       "The body is an array of events and ends in a carriage return and a newline, which are signed like the rest.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "ecdsa",
			Signature: verifiers.Signature{
				Names:    []string{"X-Twilio-Email-Event-Webhook-Signature"},
				Encoding: "base64",
			},
			Content: "{timestamp}{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Twilio-Email-Event-Webhook-Timestamp}"},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:  "verification key",
			Where: "Settings > Mail Settings > Event Webhooks > the webhook > Signature Verification",
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: withinWeek,
			Why: "SendGrid asks for no limit and does not say whether a retry renews the signed time. Retries end after a day, " +
				"which a week outlasts.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why: "A body holds several events, each with an ID of its own (sg_event_id), so no two bodies are alike. " +
				"Whether an event comes again in another company, the app can tell by that ID.",
		},
		Retries: verifiers.Retries{Horizon: 24 * time.Hour},
		Sources: verifiers.Sources{
			Retries: "sendgrid/docs, content/docs/for-developers/tracking-events/getting-started-event-webhook.md",
			Answers: "sendgrid/docs, content/docs/for-developers/tracking-events/getting-started-event-webhook.md",
		},
		Sample: verifiers.Sample{
			Body: `[{"email":"example@example.com","timestamp":{unix},"smtp-id":"<14c5d75ce93.dfd.64b469@ismtpd-555>",` +
				`"event":"processed","category":["cat facts"],"sg_event_id":"{id}","sg_message_id":"14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0"}]` + "\r\n",
		},
	}
}
