package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(zohoPayments) }

func zohoPayments() verifiers.Provider {
	scheme := timedList("X-Zoho-Webhook-Signature", "t", "v")
	scheme.EventID = []string{timeAndBody}
	scheme.Timestamp.Format = "unix_ms"
	return verifiers.Provider{
		Name:      "zoho-payments",
		Title:     "Zoho Payments",
		Docs:      []string{"https://www.zoho.com/in/payments/developerdocs/webhooks/verification/"},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing key", Where: "Settings > Developer Space > Webhooks"},
		Freshness: verifiers.Freshness{
			Origin: verifiers.EventTime,
			Why:    renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: 24 * time.Hour,
			Why:    timeAndBodyWhy,
		},
		Retries: verifiers.Retries{Deadline: 15 * time.Second},
		Sample: verifiers.Sample{
			Body: `{"event_id":"{id}","event_type":"payment.succeeded","event_time":{unix},"event_object":{"payment":{"payment_id":"1001",` +
				`"amount":"100.00","currency":"INR","status":"succeeded"}}}`,
		},
	}
}
