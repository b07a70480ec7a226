package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(courier) }

func courier() verifiers.Provider {
	return verifiers.Provider{
		Name:  "courier",
		Title: "Courier (outbound webhooks)",
		Docs: []string{
			"https://www.courier.com/docs/platform/workspace/outbound-webhooks",
			"https://github.com/trycourier/docs/blob/main/docs/guides/getting-started/outbound-webhooks.mdx",
			"https://github.com/trycourier/courier-skills/blob/main/resources/guides/reliability.md",
		},
		Confirmed: true,
		Why:       "The documentation lists the time and the body without a dot between them. Its code, and Courier's newer guide, have the dot.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"Courier-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"signature"},
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:t}", Format: "unix_ms"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "webhook secret", Where: "Settings > Outbound Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: withinWeek,
			Why:       "Courier does not say whether a retry renews the signed time. A week outlasts its retries of 24 hours.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID in the body is the message's, the same in all its events; its status and times distinguish bodies.",
		},
		Retries: verifiers.Retries{Horizon: 24 * time.Hour},
		Sources: verifiers.Sources{
			Retries: "https://github.com/trycourier/courier-skills/blob/main/resources/guides/reliability.md",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"message:updated","data":{"id":"{id}","event":"WELCOME","status":"DELIVERED","recipient":"user-1",` +
				`"enqueued":{unix}000,"sent":{unix}000,"delivered":{unix}000,"providers":[{"provider":"sendgrid","status":"DELIVERED"}]}}`,
		},
	}
}
