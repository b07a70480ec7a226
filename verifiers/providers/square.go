package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(square) }

// Compared in November 2026: square 46.0.0 is the newest and judges this row.
func square() verifiers.Provider {
	return verifiers.Provider{
		Name:  "square",
		Title: "Square",
		Docs: []string{
			"https://developer.squareup.com/docs/webhooks/step3validate",
			"https://developer.squareup.com/docs/webhooks/troubleshooting",
		},
		Why: "The URL is signed in the spelling of the Developer Console. Behind anything that changes scheme, host or path, " +
			"give it with public_url.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"x-square-hmacsha256-signature"},
				Encoding: "base64",
			},
			Content: "{url}{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:created_at}", Format: "rfc3339"},
				EventID:   []string{"{json:event_id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signature key", Where: "Developer Console > the application > Webhooks > Subscriptions > the subscription"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(76 * time.Hour),
			Optional:  true,
			Why: "The time is the event's own, signed with the body. Square documents 11 attempts in 24 hours, " +
				"and on older pages 72 hours of them; the longer one decides. Its own samples include a body " +
				"without a time, and nobody can take a time out of a signed body.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body and is the same on every attempt.",
		},
		Retries: verifiers.Retries{
			Deadline: 10 * time.Second,
			Attempts: 11,
			Horizon:  24 * time.Hour,
		},
		Sources: verifiers.Sources{
			Retries:  "https://developer.squareup.com/docs/webhooks/troubleshooting",
			Deadline: "https://developer.squareup.com/docs/webhooks/step4manage",
			Answers:  "https://developer.squareup.com/docs/webhooks/troubleshooting",
			Repeats:  "https://developer.squareup.com/docs/webhooks/step4manage",
		},
		Sample: verifiers.Sample{
			Body: `{"merchant_id":"MLEFBHHSJGVHD","type":"payment.updated","event_id":"{id}","created_at":"{time}",` +
				`"data":{"type":"payment","id":"hYy9pRFVxpDsO1FB05SunFWUe9JZY"}}`,
		},
	}
}
