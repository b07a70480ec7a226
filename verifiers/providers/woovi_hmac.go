package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(wooviHmac) }

func wooviHmac() verifiers.Provider {
	scheme := overBody("base64", "X-OpenPix-Signature")
	scheme.EventType = []string{"{json:event}"}
	scheme.Hash = "sha1"
	return verifiers.Provider{
		Name:  "woovi-hmac",
		Title: "Woovi (HMAC)",
		Docs: []string{
			"https://developers.woovi.com/docs/webhook/seguranca/webhook-hmac",
			"https://developers.woovi.com/docs/webhook/webhook-test",
		},
		Why: "Woovi calls it deprecated, and the hash is SHA-1. But unlike its public key, the key is of one webhook, so a " +
			"signature also identifies the receiver.",
		Confirmed:  true,
		Scheme:     scheme,
		Secret:     verifiers.SecretInfo{Name: "secret key", Where: "API/Plugins > the webhook"},
		Handshakes: wooviChecks(),
		Freshness:  verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID. A body has the charge with its state and the time of its last change.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"OPENPIX:CHARGE_COMPLETED","charge":{"status":"COMPLETED","value":100,"correlationID":"{id}","updatedAt":"{time}"},` +
				`"company":{"id":"624f46f9e93f9f521c9308f7","name":"Example"}}`,
		},
	}
}
