package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(doppler) }

func doppler() verifiers.Provider {
	scheme := overBody("hex", "X-Doppler-Signature")
	scheme.Signature.Prefix = "sha256="
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "doppler",
		Title: "Doppler",
		Docs: []string{
			"https://docs.doppler.com/docs/webhooks",
			"https://www.npmjs.com/package/@hookflo/tern",
		},
		Why:       "A webhook is signed only if it has a signing secret.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the project's Webhooks > the webhook"},
		Freshness: verifiers.Freshness{Why: "There is no time."},
		Dedupe: verifiers.Dedupe{
			By: verifiers.ByNothing,
			Why: "There is no event ID. A webhook may have a fixed text as its body, and the usual body says only which config has changed. " +
				"So two events can look alike.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"config.secrets.update","config":{"name":"prd","project":"example"},"project":{"id":"example","name":"example"},` +
				`"workplace":{"id":"workplace-1001","name":"Example"},"diff":{"added":["{id}"],"removed":[],"updated":[]}}`,
		},
	}
}
