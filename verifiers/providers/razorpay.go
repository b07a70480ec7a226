package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(razorpay) }

// Compared in November 2026: razorpay 2.9.8 is the newest and judges this row.
func razorpay() verifiers.Provider {
	return verifiers.Provider{
		Name:  "razorpay",
		Title: "Razorpay",
		Docs: []string{
			"https://razorpay.com/docs/webhooks/validate-test/",
			"https://razorpay.com/docs/webhooks/best-practices/",
		},
		Why:       "While a secret is changed, retries of older events are still signed with the old one: keep both for a day.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Razorpay-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:created_at}"},
				EventID:   []string{"{header:x-razorpay-event-id}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "Account & Settings > Webhooks; you chose it there, and it is not the API key's secret"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own, which a day of retries does not renew. A week leaves room for an outage.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why: "Razorpay asks to deduplicate by the event ID. It is outside the signature, so it counts together with the body, " +
				"which has the event's time and its whole object.",
		},
		Retries: verifiers.Retries{Deadline: 5 * time.Second, Horizon: 24 * time.Hour},
		Sources: verifiers.Sources{
			Retries:  "razorpay/markdown-docs, api/payments/recurring-payments/webhooks.md",
			Deadline: "razorpay/markdown-docs, api/payments/recurring-payments/webhooks.md",
			Answers:  "razorpay/markdown-docs, api/payments/recurring-payments/webhooks.md",
			Repeats:  "razorpay/markdown-docs, api/payments/recurring-payments/webhooks.md",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"x-razorpay-event-id": "{id}"},
			Body: `{"entity":"event","account_id":"acc_1001","event":"payment.captured","contains":["payment"],` +
				`"payload":{"payment":{"entity":{"id":"pay_1001","amount":5000,"currency":"INR","status":"captured"}}},"created_at":{unix}}`,
		},
	}
}
