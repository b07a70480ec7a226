package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(phonepe) }

func phonepe() verifiers.Provider {
	return verifiers.Provider{
		Name:  "phonepe",
		Title: "PhonePe",
		Docs:  []string{"https://github.com/PhonePe/phonepe-pg-sdk-node"},
		Why: "The header is the SHA-256 of user:password and the same in every request: a token that covers nothing, protected by " +
			"TLS alone.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"Authorization"},
			Hash:  "sha256",
			Facts: verifiers.Facts{EventType: []string{"{json:event}", "{json:type}"}},
		},
		Secret: verifiers.SecretInfo{
			Name:  "user:password",
			Where: "the webhook's settings: the user name and the password that you chose, with a colon between",
		},
		Freshness: verifiers.Freshness{Why: "There is no time outside the body."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID. A body has the order, its state and the time of the payment.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"checkout.order.completed","payload":{"merchantId":"MERCHANT1001","merchantOrderId":"order-1001","orderId":"{id}",` +
				`"state":"COMPLETED","amount":10000}}`,
		},
	}
}
