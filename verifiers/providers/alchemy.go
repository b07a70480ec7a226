package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(alchemy) }

func alchemy() verifiers.Provider {
	return verifiers.Provider{
		Name:  "alchemy",
		Title: "Alchemy Notify",
		Docs: []string{
			"https://www.alchemy.com/docs/reference/notify-api-quickstart",
			"https://github.com/alchemyplatform/webhook-examples",
		},
		Why:       "Each webhook has a signing key of its own, and only 200 counts as success.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Alchemy-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:createdAt}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing key", Where: "Dashboard > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "The time is the event's own, which a retry does not renew. Retries end after an hour. A week leaves a person time " +
				"to send it again.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID (whevt_…) stands in the signed body.",
		},
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 200}},
		Retries: verifiers.Retries{ // after 15 s, 1 m, 10 m; with an enterprise plan for up to an hour
			Deadline: 5 * time.Second,
			Horizon:  time.Hour,
		},
		Sources: verifiers.Sources{
			Retries:  "alchemyplatform/docs, fern/api-reference/data/webhooks/webhooks-quickstart/notify-api-faq.mdx",
			Deadline: "alchemyplatform/docs, fern/api-reference/data/webhooks/webhooks-quickstart/notify-api-faq.mdx",
			Answers:  "alchemyplatform/docs, fern/api-reference/data/webhooks/webhooks-quickstart/notify-api-faq.mdx",
		},
		Sample: verifiers.Sample{
			IDPrefix: "whevt_",
			Body: `{"webhookId":"wh_1001","id":"{id}","createdAt":"{time}","type":"ADDRESS_ACTIVITY",` +
				`"event":{"network":"ETH_MAINNET","activity":[]}}`,
		},
	}
}
