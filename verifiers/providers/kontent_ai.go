package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(kontentAI) }

func kontentAI() verifiers.Provider {
	scheme := overBody("base64", "X-Kontent-ai-Signature")
	scheme.EventType = []string{"{json:notifications.0.message.object_type}.{json:notifications.0.message.action}"}
	return verifiers.Provider{
		Name:  "kontent-ai",
		Title: "Kontent.ai",
		Docs: []string{
			"https://kontent.ai/learn/docs/webhooks/webhooks/javascript#a-validate-received-notifications",
			"https://github.com/kontent-ai/webhook-helper-js/blob/main/test/signatures/signature.spec.ts",
		},
		Why: "The body is indented and its lines end in CR and LF, which are signed. A proxy that rewrites them breaks the signature. " +
			"A request may bring several notifications; its type is that of the first.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "Environment settings > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the content."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: week,
			Why:    "A request has no ID. A notification names an item, its last change and the action.",
		},
		Sample: verifiers.Sample{
			Body: `{"notifications":[{"data":{"system":{"id":"{uuid}","name":"An article","codename":"an_article","collection":"default",` +
				`"workflow":"default","workflow_step":"published","language":"default","type":"article","last_modified":"{time}"}},` +
				`"message":{"environment_id":"{uuid}","object_type":"content_item","action":"published","delivery_slot":"published"}}]}`,
		},
	}
}
