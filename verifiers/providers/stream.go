package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(stream) }

func stream() verifiers.Provider {
	scheme := overBody("hex", "X-Signature")
	scheme.Inflate = true
	scheme.Timestamp = verifiers.Timestamp{From: "{json:created_at}", Format: "rfc3339"}
	scheme.EventID = []string{"{header:X-Webhook-Id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "stream",
		Title: "Stream (GetStream)",
		Docs: []string{
			"https://getstream.io/chat/docs/php/webhooks_overview/",
			"https://getstream.io/chat/docs/php/push_webhook/",
			"https://github.com/GetStream/stream-chat-js/blob/master/docs/webhooks.md",
			"https://github.com/GetStream/stream-chat-js/blob/master/src/signing.ts",
		},
		Why: "The app's API secret is the key, so whoever can sign can also call the API. Bodies may come with Content-Encoding: gzip. " +
			"The signature is of the uncompressed body.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "API secret", Where: "Stream's dashboard, the app's access keys"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own. " + renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: pastWeek,
			Why:    "X-Webhook-Id stays the same on retries, but anybody can change it. The body has the event and its time.",
		},
		Retries: verifiers.Retries{Deadline: 6 * time.Second, Attempts: 3, Horizon: 15 * time.Second},
		Sources: verifiers.Sources{
			Retries:  "https://getstream.io/chat/docs/php/push_webhook/",
			Deadline: "https://getstream.io/chat/docs/php/push_webhook/",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Webhook-Id": "{id}"},
			Body:   `{"type":"message.new","cid":"messaging:general","message":{"id":"{id}","text":"Hello","type":"regular"},"created_at":"{time}"}`,
		},
	}
}
