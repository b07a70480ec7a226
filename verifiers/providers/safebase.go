package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(safebase) }

func safebase() verifiers.Provider {
	p := svixSender("safebase", "SafeBase", standardTypes, "https://docs.safebase.io/", svixIngest)
	p.Secret.Where = "SafeBase, webhooks: the endpoint's signing secret; it starts with whsec_"
	p.Sample.Body = `{"type":"access_request.created","data":{"id":"example-1001"},"timestamp":"{time}"}`
	return p
}
