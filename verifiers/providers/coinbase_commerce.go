package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(coinbaseCommerce) }

// Compared in November 2026: coinbase-commerce-node 1.0.4 is the newest and judges this
// row. Coinbase's newer platform is coinbase-cdp.
func coinbaseCommerce() verifiers.Provider {
	return verifiers.Provider{
		Name:  "coinbase-commerce",
		Title: "Coinbase Commerce",
		Docs: []string{
			"https://docs.cdp.coinbase.com/commerce/api-arcitecture/webhooks-overview",
			"https://github.com/coinbase/coinbase-commerce-node/blob/master/test/testWebhook.spec.js",
		},
		Why:       "The outer id and attempt_number belong to the delivery; the event is within.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-CC-Webhook-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:event.created_at}", Format: "rfc3339"},
				EventID:   []string{"{json:event.id}"},
				EventType: []string{"{json:event.type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "shared secret", Where: "Settings > Notifications > Show shared secrets"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own, which three days of retries do not renew. A week outlasts them.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The event's ID stands in the signed body. The attempt's number stands there too, so a digest is no key.",
		},
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 200}},
		Retries: verifiers.Retries{Horizon: 72 * time.Hour},
		Sample: verifiers.Sample{
			Body: `{"id":1,"scheduled_for":"{time}","attempt_number":1,"event":{"id":"{id}","type":"charge:confirmed","api_version":"2018-03-22",` +
				`"created_at":"{time}","data":{"code":"66BEOV2A","name":"The Sovereign Individual","pricing_type":"fixed_price"}}}`,
		},
	}
}
