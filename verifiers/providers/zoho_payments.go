package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(zohoPayments) }

func zohoPayments() verifiers.Provider {
	scheme := timedList("X-Zoho-Webhook-Signature", "t", "v")
	scheme.EventID = []string{"{json:event_id}"}
	scheme.EventType = []string{"{json:event_type}"}
	scheme.Timestamp.Format = "unix_ms"
	return verifiers.Provider{
		Name:  "zoho-payments",
		Title: "Zoho Payments",
		Docs: []string{
			"https://www.zoho.com/in/payments/developerdocs/webhooks/verification/",
			"https://www.zoho.com/in/payments/developerdocs/webhooks/best-practices/",
			"https://www.zoho.com/us/payments/api/v1/webhooks-events/",
		},
		Confirmed: true,
		Why: "Zoho pings the URL once when the webhook is registered, before there is a key. The form of that request is not documented. " +
			"If the registration fails, answer it with the line `probe GET` or `probe HEAD`.",
		Scheme: scheme,
		Secret: verifiers.SecretInfo{Name: "signing key", Where: "Settings > Developer Space > Webhooks"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "It is the time of the delivery: every attempt has a signature of its own, says Zoho.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body, and Zoho says to recognise duplicates by it.",
		},
		Retries: verifiers.Retries{Deadline: 15 * time.Second, Horizon: 48 * time.Hour},
		Sample: verifiers.Sample{
			Body: `{"event_id":"{id}","event_type":"payment.succeeded","event_time":{unix}000,"event_object":{"payment":{"payment_id":"1001",` +
				`"amount":"100.00","currency":"INR","status":"succeeded"}}}`,
		},
	}
}
