package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(ppro) }

func ppro() verifiers.Provider {
	return verifiers.Provider{
		Name:  "ppro",
		Title: "PPRO",
		Docs: []string{
			"https://developerhub.ppro.com/global-api/docs/webhooks",
			"https://github.com/juspay/connector-service",
		},
		Why: "A plain SHA-256 of the body, a dot and the secret, not an HMAC. The events are CloudEvents.",
		Scheme: verifiers.HMAC{
			Digest:    true,
			Signature: verifiers.Signature{Names: []string{"Webhook-Signature"}},
			Content:   "{body}.{secret}",
			Facts: verifiers.Facts{
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the one that you agreed with PPRO"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "A CloudEvent's ID stands in the hashed body and is the same on a retry.",
		},
		Sample: verifiers.Sample{
			Body: `{"specversion":"1.0","type":"PAYMENT_CHARGE_SUCCESS","source":"https://api.ppro.com","id":"{id}","time":"{time}",` +
				`"datacontenttype":"application/json","data":{"paymentCharge":{"id":"charge_1001","status":"CAPTURED"}}}`,
		},
	}
}
