package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(woovi) }

func woovi() verifiers.Provider {
	return verifiers.Provider{
		Name:  "woovi",
		Title: "Woovi (OpenPix)",
		Docs: []string{
			"https://developers.woovi.com/docs/webhook/seguranca/webhook-signature-validation",
			"https://developers.woovi.com/docs/webhook/seguranca/webhook-public-keys",
			"https://developers.woovi.com/docs/webhook/webhook-test",
		},
		Why: "Woovi signs for all its customers with one key, so a signature proves that Woovi sent it, not to whom. Give " +
			"company_id, which stands in the events, and keep the URL to yourself. The webhook's own HMAC, woovi-hmac, also " +
			"identifies the receiver, but with SHA-1.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "rsa",
			Signature: verifiers.Signature{Names: []string{"X-Webhook-Signature"}, Encoding: "base64"},
			Content:   "{body}",
			Keys: verifiers.Keys{
				URL:    "https://api.woovi.com/api/v1/webhook/public-keys",
				Format: "json",
				Path:   "public_keys.#(is_current==true).key",
			},
			Facts: verifiers.Facts{
				EventType: []string{"{json:event}"},
				Addressee: []verifiers.Condition{{Of: "{json:company.id}", Is: []string{"{option:company_id}"}}},
			},
		},
		Secret: verifiers.SecretInfo{Name: "public key", Where: "Woovi's page on the signature; without one it is fetched", Optional: true},
		Options: []verifiers.Option{{
			Name:    "company_id",
			What:    "the ID of your company, company.id in Woovi's events: events of others are refused",
			Many:    true,
			Example: "624f46f9e93f9f521c9308f7",
		}},
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

// wooviChecks answers the request by which Woovi checks the URL of a new webhook. Whether
// it is signed is not documented, and the key of woovi-hmac is only shown afterwards.
func wooviChecks() []verifiers.Handshake {
	return []verifiers.Handshake{{
		Name: "url_check",
		When: []verifiers.Condition{
			{Of: "{json:data_criacao}"},
			{Of: "{json:event}", Is: []string{"OPENPIX:CHARGE_COMPLETED"}},
			{Of: "{json:charge.status}", Absent: true},
			{Of: "{json:pix.value}", Absent: true},
			{Of: "{json:company.id}", Absent: true},
		},
	}}
}
