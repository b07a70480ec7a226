package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(midtransPayouts) }

func midtransPayouts() verifiers.Provider {
	return verifiers.Provider{
		Name:  "midtrans-payouts",
		Title: "Midtrans Payouts (Iris)",
		Docs: []string{
			"https://docs.midtrans.com/reference/notification-payload-1",
			"https://docs.midtrans.com/reference/partner-http-notification-1",
			"https://docs.midtrans.com/reference/validating-payout-notification",
		},
		Why:       "A plain SHA-512 of the body with the merchant key at its end, not an HMAC.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Digest:    true,
			Hash:      "sha512",
			Signature: verifiers.Signature{Names: []string{"Iris-Signature"}},
			Content:   "{body}{secret}",
			Facts:     verifiers.Facts{EventType: []string{"{json:status}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "Iris merchant key", Where: "the Iris dashboard, Settings"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID. A body has the payout, its status and the time of the change.",
		},
		Sample: verifiers.Sample{
			Body: `{"reference_no":"{id}","amount":"10000.00","status":"completed","updated_at":"{time}"}`,
		},
	}
}
