package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(paddle) }

// Compared in November 2026: @paddle/paddle-node-sdk 3.10.0 is the newest and judges
// this row.
func paddle() verifiers.Provider {
	return verifiers.Provider{
		Name:  "paddle",
		Title: "Paddle Billing",
		Docs: []string{
			"https://developer.paddle.com/webhooks/signature-verification",
			"https://developer.paddle.com/webhooks/respond-to-webhooks",
		},
		Why: "The whole of pdl_ntfset_… is the key. While a secret is being rotated there are several h1; " +
			"items of other names are ignored.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"Paddle-Signature"},
				Separator: ";",
				Assign:    "=",
				Keys:      []string{"h1"},
			},
			Content: "{timestamp}:{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:ts}"},
				EventID:   []string{"{json:event_id}"},
				EventType: []string{"{json:event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "endpoint secret key", Where: "Developer tools > Notifications > the destination; it starts with pdl_ntfset_", Prefix: "pdl_ntfset_"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The time is that of the attempt. Paddle's libraries allow 5 seconds, which a clock that is slightly off already breaks.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The event's ID stands in the signed body; the notification's own ID would be another for each destination.",
		},
		Retries: verifiers.Retries{ // live; a sandbox tries 3 times within 15 minutes
			Deadline: 5 * time.Second,
			Attempts: 61,
			Horizon:  72 * time.Hour,
		},
		Sources: verifiers.Sources{
			Retries:  "https://developer.paddle.com/webhooks/about/respond-to-webhooks",
			Deadline: "https://developer.paddle.com/webhooks/about/respond-to-webhooks",
			Answers:  "https://developer.paddle.com/webhooks/about/respond-to-webhooks",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body: `{"event_id":"{id}","event_type":"transaction.completed","occurred_at":"{time}","notification_id":"ntf_1001",` +
				`"data":{"id":"txn_1001","status":"completed","currency_code":"USD"}}`,
		},
	}
}
