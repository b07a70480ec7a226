package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(cashfree) }

func cashfree() verifiers.Provider {
	scheme := overBody("base64", "X-Webhook-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{header:X-Webhook-Timestamp}", Format: "unix_ms"}
	scheme.EventID = []string{"{header:X-Idempotency-Key}"}
	scheme.EventType = []string{"{json:type}"}
	scheme.Content = "{timestamp}{body}"
	return verifiers.Provider{
		Name:  "cashfree",
		Title: "Cashfree Payments",
		Docs: []string{
			"https://www.cashfree.com/docs/payments/online/webhooks/signature-verification",
			"https://github.com/cashfree/cashfree-pg-sdk-nodejs",
		},
		Why: "The page shows a dot between time and body, which is how PHP joins texts: nothing stands between them. Amounts have " +
			"decimals such as 1.00, which a parser would drop.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "client secret", Where: "the dashboard, Developers > API Keys"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why: "The idempotency key is unique for each payload. It is outside the signature, so it counts together with the body, " +
				"which has the time of the event. The body alone serves where the key is missing.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Idempotency-Key": "{id}", "X-Webhook-Attempt": "1"},
			Body: `{"data":{"order":{"order_id":"order_1001","order_amount":1.00,"order_currency":"INR"},"payment":{"cf_payment_id":975677709,` +
				`"payment_status":"SUCCESS"}},"event_time":"{time}","type":"PAYMENT_SUCCESS_WEBHOOK"}`,
		},
	}
}
