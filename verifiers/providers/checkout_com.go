package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(checkoutCom) }

func checkoutCom() verifiers.Provider {
	return verifiers.Provider{
		Name:      "checkout-com",
		Title:     "Checkout.com",
		Docs:      []string{"https://www.checkout.com/docs/workflows/set-up-your-webhook-receiver"},
		Why:       "Only the bytes as received will do: parsing and writing the body anew changes the precision of its numbers.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Cko-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:created_on}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signature key", Where: "the webhook action of the workflow; you chose it there"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "created_on is the event's own time, which a retry does not renew. The schedule of retries is not documented; a " +
				"week outlasts any that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID (evt_…) stands in the signed body.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body:     `{"id":"{id}","type":"payment_captured","version":"1.0.0","created_on":"{time}","data":{"id":"pay_1001","amount":1000,"currency":"GBP"}}`,
		},
	}
}
