package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(onfido) }

func onfido() verifiers.Provider {
	return verifiers.Provider{
		Name:  "onfido",
		Title: "Onfido",
		Docs: []string{
			"https://documentation.onfido.com/api/latest/#webhooks",
			"https://github.com/onfido/onfido-node/blob/master/test/classic-webhook-event-verifier.test.ts",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-SHA2-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{json:payload.action}:{json:payload.object.id}:{json:payload.object.completed_at_iso8601}"},
				EventType: []string{"{json:payload.action}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "webhook token", Where: "Dashboard > Developers > Webhooks, or the answer to the webhook's creation"},
		Freshness: verifiers.Freshness{Why: "The only time is that at which a check was completed; not every event has it."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "There is no ID, but an object is completed once at one moment. Events about an incomplete object " +
				"may repeat and look alike, so they are not deduplicated.",
		},
		Sample: verifiers.Sample{
			Body: `{"payload":{"resource_type":"check","action":"check.completed","object":{"id":"{id}","status":"complete",` +
				`"completed_at_iso8601":"{time}","href":"https://api.onfido.com/v3/checks/{id}"}}}`,
		},
	}
}
