package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(nash) }

func nash() verifiers.Provider {
	p := svixSender("nash", "Nash", standardTypes, "https://docs.usenash.com/", svixIngest)
	p.Secret.Where = "Nash, webhooks: the endpoint's signing secret; it starts with whsec_"
	p.Sample.Body = `{"type":"delivery","event":"dropoff_complete","data":{"id":"job_1001","status":"completed"},"timestamp":"{time}"}`
	return p
}
