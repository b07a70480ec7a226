package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(lineMessaging) }

// Compared in November 2026: @line/bot-sdk 11.2.0 is the newest. It verifies as 11.0.0
// does, which judges this row.
func lineMessaging() verifiers.Provider {
	return verifiers.Provider{
		Name:  "line",
		Title: "LINE",
		Docs: []string{
			"https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/",
			"https://developers.line.biz/en/docs/messaging-api/receiving-messages/",
			"https://github.com/line/line-bot-sdk-nodejs/blob/master/lib/validate-signature.ts",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Line-Signature"}, Encoding: "base64"},
			Content:   "{body}",
		},
		Secret: verifiers.SecretInfo{Name: "channel secret", Where: "LINE Developers Console > the channel > Basic settings"},
		Handshakes: []verifiers.Handshake{{
			Name: "url_check", // the console's button Verify sends no events
			When: []verifiers.Condition{
				{Of: "{json:destination}"},
				{Of: "{json:events.0.type}", Absent: true},
			},
			Verified: true,
		}},
		Freshness: verifiers.Freshness{Why: "Each of a body's events has its own time; the request has none."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "A body may hold several events, and events have IDs. One that LINE delivers again is marked so in the body, " +
				"which makes it another body: the app can tell it by webhookEventId.",
		},
		Sample: verifiers.Sample{
			Body: `{"destination":"U00000000000000000000000000000000","events":[{"type":"message","mode":"active","timestamp":{unix}000,` +
				`"webhookEventId":"{id}","deliveryContext":{"isRedelivery":false},"message":{"id":"444573844083572737","type":"text","text":"Hello"},` +
				`"source":{"type":"user","userId":"U4af4980629000000000000000000000"}}]}`,
		},
	}
}
