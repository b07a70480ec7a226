package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(brex) }

func brex() verifiers.Provider {
	p := svixSender("brex", "Brex", []string{"{json:event_type}"}, "https://developer.brex.com/docs/webhooks/", svixIngest)
	p.Scheme = standardTyped([]string{"{json:event_type}"}, "webhook-", "svix-")
	p.Secret.Where = "the answer of Brex's API to GET /v1/webhooks/secrets"
	p.Sample.Body = `{"event_type":"TRANSFER_PROCESSED","transfer_id":"dptx_cl2mb1o6m000001","payment_type":"ACH","company_id":"cuacc_1001"}`
	return p
}
