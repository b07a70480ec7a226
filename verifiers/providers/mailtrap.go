package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(mailtrap) }

func mailtrap() verifiers.Provider {
	return verifiers.Provider{
		Name:  "mailtrap",
		Title: "Mailtrap",
		Docs: []string{
			"https://docs.mailtrap.io/email-api-smtp/advanced/webhooks#verifying-the-signature",
			"https://github.com/mailtrap/mailtrap-nodejs/blob/main/src/lib/webhooks/verify-signature.ts",
		},
		Why:       "The body may have several events, so no ID and type are read from it.",
		Confirmed: true,
		Scheme:    overBody("hex", "Mailtrap-Signature"),
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the answer that made the webhook, where it is called signing_secret"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the events."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "Each event in a body has an ID and a time.",
		},
		Sample: verifiers.Sample{
			Body: `{"events":[{"event":"delivery","sending_stream":"transactional","category":"welcome","message_id":"{uuid}",` +
				`"email":"recipient@example.com","event_id":"{id}","timestamp":{unix}}]}`,
		},
	}
}
