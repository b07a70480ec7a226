package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(mercury) }

func mercury() verifiers.Provider {
	scheme := timedList("Mercury-Signature", "t", "v1")
	scheme.EventType = []string{"{json:resourceType}.{json:operationType}"}
	scheme.Secret.Encoding = "base64"
	return verifiers.Provider{
		Name:  "mercury",
		Title: "Mercury",
		Docs:  []string{"https://docs.mercury.com/reference/webhooks"},
		Why: "The secret is base64 and is decoded first. When a webhook is registered an unsigned ping may come, which is " +
			"refused: nobody can tell it from a forged one.",
		Scheme: scheme,
		Secret: verifiers.SecretInfo{Name: "secret", Where: "the answer that made the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Integrators refuse requests older than 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A body has the resource, its version and the time.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","resourceType":"transaction","resourceId":"{uuid}","operationType":"update","resourceVersion":2,` +
				`"occurredAt":"{time}","changedPaths":["status"],"mergePatch":{"status":"sent"}}`,
		},
	}
}
