package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(midtrans) }

func midtrans() verifiers.Provider {
	return verifiers.Provider{
		Name:  "midtrans",
		Title: "Midtrans",
		Docs:  []string{"https://docs.midtrans.com/docs/https-notification-webhooks"},
		Why: "A plain SHA-512 with the server key at its end, over three fields of the body: the status of the transaction is not " +
			"among them. Ask Midtrans for the transaction before acting on the unsigned fields.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Digest:    true,
			Hash:      "sha512",
			Signature: verifiers.Signature{From: "json", Names: []string{"signature_key"}},
			Content:   "{json:order_id}{json:status_code}{json:gross_amount}{secret}",
			Facts: verifiers.Facts{
				EventID: []string{
					"{json:transaction_id}:{json:transaction_status}:{json:refund_amount}",
					"{json:transaction_id}:{json:transaction_status}",
				},
				EventType: []string{"{json:transaction_status}"},
				// Nothing parts the signed fields: without a form of their own, the end
				// of one could be passed off as the beginning of the next.
				Require: []verifiers.Condition{
					{Of: "{json:status_code}", Like: `[2-5][0-9]{2}`},
					{Of: "{json:gross_amount}", Like: `(0|[1-9][0-9]*)\.[0-9]{2}`},
				},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "server key", Where: "the dashboard, Settings > Access Keys"},
		Freshness: verifiers.Freshness{Why: "The times are not signed."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "A transaction has a status once, but for refunds, which the amount refunded so far tells apart. These are not " +
				"signed, so they count together with the signed fields.",
		},
		Sample: verifiers.Sample{
			Body: `{"transaction_time":"2026-03-01 12:00:00","transaction_status":"settlement","transaction_id":"{id}","status_code":"200",` +
				`"signature_key":"","payment_type":"bank_transfer","order_id":"order-1001","gross_amount":"10000.00","fraud_status":"accept",` +
				`"currency":"IDR"}`,
		},
	}
}
