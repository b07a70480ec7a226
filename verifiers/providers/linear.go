package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(linear) }

// Compared in November 2026: @linear/sdk 98.0.0 is the newest and judges this row.
func linear() verifiers.Provider {
	return verifiers.Provider{
		Name:  "linear",
		Title: "Linear",
		Docs: []string{
			"https://linear.app/developers/webhooks",
			"https://github.com/linear/linear/blob/master/packages/sdk/src/webhooks/client.ts",
		},
		Why: "The header linear-timestamp, which older libraries fall back on, is not signed and is not looked at.",

		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Linear-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:webhookTimestamp}", Format: "unix_ms"},
				EventID:   []string{"{header:Linear-Delivery}"},
				EventType: []string{"{json:type}.{json:action}", "{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing secret", Where: "Linear > Settings > API > the webhook > Signing secret"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: verifiers.Tolerance{Past: time.Minute, Future: time.Minute},
			Why:       "The time of the dispatch stands in the signed body; Linear's documentation and library allow one minute.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true, // each has its time in milliseconds
			Why: "The delivery's ID is outside the signature, so it counts together with the body. " +
				"A retry whose body has a new time counts as another event, rather than that one is lost.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"Linear-Event": "Issue", "User-Agent": "Linear-Webhook"},
			Body: `{"action":"create","type":"Issue","createdAt":"{time}","data":{"id":"{uuid}","number":1,"title":"Example","priority":0},` +
				`"url":"https://linear.app/example/issue/EX-1/example","organizationId":"00000000-0000-4000-8000-000000000001",` +
				`"webhookTimestamp":{unix}000,"webhookId":"00000000-0000-4000-8000-000000000002"}`,
		},
	}
}
