package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(anthropic) }

// Compared in November 2026: @anthropic-ai/sdk 1.14.0 is the newest. It verifies as
// 1.12.0 does, which judges this row.
func anthropic() verifiers.Provider {
	p := standardSender("anthropic", "Anthropic", []string{"{json:data.type}", "{json:type}"}, "https://github.com/anthropics/anthropic-sdk-go")
	p.Secret.Where = "Claude Console > Webhooks > the endpoint; it starts with whsec_"
	p.Sample.Body = `{"id":"whe_1001","type":"event","created_at":"{time}","data":{"type":"session.status_idled","id":"sesn_1001"}}`
	return p
}
