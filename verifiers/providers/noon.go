package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(noon) }

func noon() verifiers.Provider {
	return verifiers.Provider{
		Name:  "noon",
		Title: "noon payments",
		Docs:  []string{"https://github.com/juspay/hyperswitch/blob/main/crates/hyperswitch_connectors/src/connectors/noon.rs"},
		Why:   "The signature stands in the body and covers five of its fields, not the rest.",
		Scheme: verifiers.HMAC{
			Hash:      "sha512",
			Signature: verifiers.Signature{From: "json", Names: []string{"signature"}, Encoding: "base64"},
			Content:   "{json:orderId},{json:orderStatus},{json:eventId},{json:eventType},{json:timeStamp}",
			Facts: verifiers.Facts{
				EventID:   []string{"{json:eventId}"},
				EventType: []string{"{json:eventType}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "secret key", Where: "the webhook's settings"},
		Freshness: verifiers.Freshness{Why: "The form of the signed time is not documented, so it is not read."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The event's ID is one of the signed fields.",
		},
		Sample: verifiers.Sample{
			Body: `{"orderId":724511000001,"orderStatus":"CAPTURED","eventType":"CAPTURE","eventId":"{id}","timeStamp":"{time}","signature":""}`,
		},
	}
}
