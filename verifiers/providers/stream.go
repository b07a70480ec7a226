package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(stream) }

func stream() verifiers.Provider {
	scheme := overBody("hex", "X-Signature")
	scheme.Inflate = true
	scheme.Timestamp = verifiers.Timestamp{From: "{json:created_at}", Format: "rfc3339"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "stream",
		Title: "Stream (GetStream)",
		Docs: []string{
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
			Why:    "No event ID is documented. The body has the event and its time.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"message.new","cid":"messaging:general","message":{"id":"{id}","text":"Hello","type":"regular"},"created_at":"{time}"}`,
		},
	}
}
