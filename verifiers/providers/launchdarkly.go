package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(launchdarkly) }

func launchdarkly() verifiers.Provider {
	scheme := overBody("hex", "X-LD-Signature")
	scheme.EventID = []string{"{json:_id}"}
	scheme.EventType = []string{"{json:kind}"}
	return verifiers.Provider{
		Name:  "launchdarkly",
		Title: "LaunchDarkly",
		Docs: []string{
			"https://launchdarkly.com/docs/home/infrastructure/webhooks",
			"https://github.com/launchdarkly/LaunchDarkly-Docs/blob/079f5b25b07cf9b99c6f0b8f1ebcde02c2d371da/src/content/topics/integrations/webhooks.mdx",
		},
		Confirmed: true,
		Why:       "A webhook sends the entry of the audit log. Without a secret LaunchDarkly signs nothing.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the webhook's settings under Integrations > Webhooks: Sign this webhook"},
		Freshness: verifiers.Freshness{Why: "The only time is in the body and is that of the change."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID of the audit log's entry stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"_id":"{id}","date":{unix}000,"kind":"flag","name":"A flag","titleVerb":"turned on the flag","title":"Ada turned on the flag"}`,
		},
	}
}
