package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(psiFi) }

func psiFi() verifiers.Provider {
	p := svixSender("psi-fi", "PsiFi", standardTypes, svixIngest)
	p.Secret.Where = "PsiFi, webhooks: the endpoint's signing secret; it starts with whsec_"
	p.Sample.Body = `{"type":"order.completed","data":{"id":"order_1001","status":"completed"},"timestamp":"{time}"}`
	return p
}
