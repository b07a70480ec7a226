package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(shopify) }

// Compared in November 2026: @shopify/shopify-api 15.0.0 is the newest and judges this
// row. It no longer requires an event ID beside the newer headers.
func shopify() verifiers.Provider {
	return verifiers.Provider{
		Name:  "shopify",
		Title: "Shopify",
		Docs: []string{
			"https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
			"https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates",
		},
		Why: "Newer deliveries use the same headers without the X-. " +
			"A test notification from the admin pages is signed with another key and is refused.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"*Hmac-Sha256"},
				Encoding: "base64",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:*Triggered-At}", Format: "rfc3339"},
				EventID:   []string{"{header:*Webhook-Id}"},
				EventType: []string{"{header:*Topic}"},
			},
			Variants: []string{"X-Shopify-", "Shopify-"},
		},
		Secret: verifiers.SecretInfo{Name: "client secret", Where: "the app's settings; for webhooks made in the admin pages, Settings > Notifications > Webhooks"},
		Freshness: verifiers.Freshness{
			Origin: verifiers.EventTime,
			Why:    "X-Shopify-Triggered-At is outside the signature, and a retry does not renew it. No time is signed.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The webhook ID is the same on every attempt. It is outside the signature, so it counts together with the body. " +
				"Not the event ID: two subscriptions to one topic share it. " +
				"They also share the body, so a known body under another ID need not be a replay.",
		},
		Answers: verifiers.Answers{
			// The review of an app sends wrong signatures, malformed ones among
			// them, and wants to see 401.
			Refused: verifiers.Answer{Status: 401},
		},
		Retries: verifiers.Retries{
			Deadline: 5 * time.Second,
			Attempts: 9,
			Horizon:  4 * time.Hour,
		},
		Sources: verifiers.Sources{
			Retries:  "https://shopify.dev/changelog/updates-to-webhook-retry-mechanism",
			Deadline: "https://dev.to/shannonllc/shopify-webhooks-hmac-verification-5-second-timeout-retries-jkj",
			Answers:  "https://dev.to/shannonllc/shopify-webhooks-hmac-verification-5-second-timeout-retries-jkj",
			Repeats:  "https://shopify.dev/changelog/updates-to-webhook-retry-mechanism",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{
				"X-Shopify-Topic":        "orders/create",
				"X-Shopify-Shop-Domain":  "example.myshopify.com",
				"X-Shopify-Event-Id":     "{uuid}",
				"X-Shopify-Api-Version":  "2025-07",
				"X-Shopify-Triggered-At": "{time}",
			},
			Body: `{"id":820982911946154508,"email":"jon@example.com","created_at":"{time}","currency":"USD","total_price":"398.00"}`,
		},
	}
}
