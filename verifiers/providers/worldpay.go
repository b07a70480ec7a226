package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(worldpay) }

// worldpay is Access Worldpay, whose webhooks are called events.
func worldpay() verifiers.Provider {
	return verifiers.Provider{
		Name:  "worldpay",
		Title: "Worldpay (Access)",
		Docs: []string{
			"https://docs.worldpay.com/access/products/events/signature",
			"https://docs.worldpay.com/access/products/account-payouts/hmac-signature",
			"https://github.com/juspay/hyperswitch/blob/main/crates/hyperswitch_connectors/src/connectors/worldpay.rs",
		},
		Why: "The header has a signature for each key that is in use, in any order; every one is tried. That a signature is hex, " +
			"Worldpay says of one of its products. That the secret is hex and is decoded first, only an integrator's code says: if " +
			"yours is not hex, write secret_format encoding utf8.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"Event-Signature"},
				Groups:    ",",
				Separator: "/",
				Keys:      []string{"2"}, // after the key's number and the name of the hash
				Layout:    "1/SHA256/{signature}",
			},
			Secret:  verifiers.SecretFormat{Encoding: "hex"},
			Content: "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{json:eventId}"},
				EventType: []string{"{json:eventDetails.type}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "shared secret", Where: "your implementation manager, who turns the signature on"},
		Freshness: verifiers.Freshness{Why: "The only time is in the body, is that of the event and has no zone."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       192 * time.Hour,
			UniqueBodies: true,
			Why:          "The event's ID stands in the signed body.",
		},
		Retries: verifiers.Retries{ // after 15 minutes at first and 2 hours at last, for a week
			Deadline: 10 * time.Second,
			Horizon:  168 * time.Hour,
		},
		Sources: verifiers.Sources{
			Answers: "https://developer.worldpay.com/docs/access-worldpay/hpp/webhooks/",
		},
		Sample: verifiers.Sample{
			Body: `{"eventId":"{id}","eventTimestamp":"2018-06-13T14:18:13.407","eventDetails":{"classification":"payment",` +
				`"transactionReference":"order-1001","type":"sentForSettlement","date":"2017-11-03","amount":{"value":100,"currencyCode":"EUR"}}}`,
		},
	}
}
