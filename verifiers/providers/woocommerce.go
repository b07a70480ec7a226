package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(woocommerce) }

// Compared in November 2026: WooCommerce's development branch still signs the body with
// SHA-256 unless a filter names another hash.
func woocommerce() verifiers.Provider {
	return verifiers.Provider{
		Name:  "woocommerce",
		Title: "WooCommerce",
		Docs: []string{
			"https://woocommerce.com/document/webhooks/",
			"https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-webhook.php",
		},
		Why: "A store can choose another hash with a filter; override hash there. " +
			"Webhooks are switched off after five failures in a row.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"X-WC-Webhook-Signature"},
				Encoding: "base64",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{header:X-WC-Webhook-Delivery-ID}"},
				EventType: []string{"{header:X-WC-Webhook-Topic}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "WooCommerce > Settings > Advanced > Webhooks > the webhook"},
		Handshakes: []verifiers.Handshake{{
			// When a webhook is saved, the store sends its number and wants any 2xx.
			Name: "ping",
			When: []verifiers.Condition{
				{Of: "{header:X-WC-Webhook-Signature}", Absent: true},
				{Of: "{header:X-WC-Webhook-Topic}", Absent: true},
				{Of: "{body}", Like: `webhook_id=[0-9]{1,20}`},
			},
		}},
		Freshness: verifiers.Freshness{Why: "WooCommerce sends no time of its own."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The delivery ID is another one for each attempt, but the store makes only one. It is outside the signature and counts together " +
				"with the body, which alone is no key. A deleted order and a deleted product of one number look alike.",
		},
		Retries: verifiers.Retries{Deadline: time.Minute, Attempts: 1},
		Sources: verifiers.Sources{
			Retries:  "woocommerce/woocommerce, plugins/woocommerce/includes/class-wc-webhook.php",
			Deadline: "woocommerce/woocommerce, plugins/woocommerce/includes/class-wc-webhook.php",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{
				"X-WC-Webhook-Source":   "https://shop.example.com/",
				"X-WC-Webhook-Topic":    "order.created",
				"X-WC-Webhook-Resource": "order",
				"X-WC-Webhook-Event":    "created",
				"X-WC-Webhook-ID":       "1",
			},
			Body: `{"id":1001,"status":"processing","currency":"EUR","total":"42.00","date_modified_gmt":"{time}"}`,
		},
	}
}
