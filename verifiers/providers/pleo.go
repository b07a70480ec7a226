package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(pleo) }

func pleo() verifiers.Provider {
	p := svixSender("pleo", "Pleo", standardTypes, "https://developers.pleo.io/", svixIngest)
	p.Secret.Where = "Pleo, where the webhook was subscribed; it starts with whsec_"
	p.Sample.Body = `{"type":"v1.export-job.created","data":{"id":"00000000-0000-4000-8000-000000000001"},"timestamp":"{time}"}`
	return p
}
