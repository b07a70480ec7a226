package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(pusher) }

// Compared in November 2026: pusher 5.3.4 is the newest and judges this row.
func pusher() verifiers.Provider {
	return verifiers.Provider{
		Name:  "pusher",
		Title: "Pusher Channels",
		Docs: []string{
			"https://pusher.com/docs/channels/server_api/webhooks/",
			"https://github.com/pusher/pusher-http-go/blob/master/webhook_test.go",
		},
		Why:       "X-Pusher-Key names the app's key that signed. Give the keys as well as the secrets, and only the secret of that key counts.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Pusher-Signature"}},
			KeyID:     "{header:X-Pusher-Key}",
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:time_ms}", Format: "unix_ms"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "Channels > the app > App Keys"},
		Options: []verifiers.Option{{
			Name:    "key",
			What:    "the key beside each secret, at Channels > the app > App Keys",
			Paired:  true,
			Example: "278d425bdf160c739803",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "Whether a retry renews time_ms is not documented. A week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "There is no ID, but the signed body has a time in milliseconds beside its events.",
		},
		Retries: verifiers.Retries{Deadline: 4 * time.Second, Horizon: 5 * time.Minute},
		Sources: verifiers.Sources{
			Retries:  "pusher/docs, docs/channels/server_api/webhooks.md",
			Deadline: "https://docs.bird.com/pusher/channels/channels/webhooks/channels-webhook-timeouts-and-retries",
			Answers:  "pusher/docs, docs/channels/server_api/webhooks.md",
		},
		Sample: verifiers.Sample{
			Body: `{"time_ms":{unix}000,"events":[{"name":"channel_occupied","channel":"orders-{id}"}]}`,
		},
	}
}
