package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(sardine) }

func sardine() verifiers.Provider {
	p := svixSender("sardine", "Sardine", standardTypes, "https://docs.sardine.ai/", svixIngest)
	p.Secret.Where = "Sardine's dashboard, webhooks: the endpoint's signing secret; it starts with whsec_"
	p.Sample.Body = `{"type":"case.updated","id":"{uuid}","timestamp":"{time}","data":{"case":{"sessionKey":"example-1001","status":"Resolved"}}}`
	return p
}
