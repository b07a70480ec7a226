package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(dwolla) }

func dwolla() verifiers.Provider {
	return verifiers.Provider{
		Name:  "dwolla",
		Title: "Dwolla",
		Docs: []string{
			"https://developers.dwolla.com/docs/working-with-webhooks",
			"https://github.com/Dwolla/webhook-receiver/blob/main/src/handlers/webhook.ts",
		},
		Why:       "A subscription is paused after 400 failures in a row.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Request-Signature-SHA-256"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:timestamp}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:topic}", "{header:X-Dwolla-Topic}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "your own choice, given when the webhook subscription is created"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own, which a retry does not renew. A week outlasts the three days for which retries go on.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body and is the same on every attempt.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Dwolla-Topic": "transfer_completed"},
			Body:   `{"id":"{id}","resourceId":"{uuid}","topic":"transfer_completed","timestamp":"{time}","created":"{time}"}`,
		},
	}
}
