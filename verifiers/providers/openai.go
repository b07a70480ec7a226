package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(openAI) }

// Compared in November 2026: openai 7.59.0 is the newest. It verifies as 6.49.0 does,
// which judges this row.
func openAI() verifiers.Provider {
	p := standardSender("openai", "OpenAI", []string{"{json:type}"},
		"https://platform.openai.com/docs/guides/webhooks", "https://github.com/openai/openai-go/blob/main/webhooks/webhook.go")
	p.Why = "A secret without whsec_ is the key as it stands, as in OpenAI's own libraries; Standard Webhooks would decode it."
	s := standardTyped([]string{"{json:type}"}, "webhook-")
	s.Secret.Unprefixed = "utf8"
	p.Scheme = s
	p.Secret.Where = "OpenAI Platform > Settings > Webhooks; it is shown once, when the endpoint is created"
	p.Sample.IDPrefix = "wh_"
	p.Sample.Body = `{"id":"evt_{uuid}","object":"event","created_at":{unix},"type":"response.completed","data":{"id":"resp_1001"}}`
	return p
}
