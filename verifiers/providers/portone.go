package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(portone) }

func portone() verifiers.Provider {
	p := standardSender("portone", "PortOne V2", []string{"{json:type}"},
		"https://github.com/portone-io/server-sdk/tree/main/javascript",
		"https://www.npmjs.com/package/@portone/server-sdk")
	p.Secret.Where = "the PortOne developer console (admin.portone.io), the webhooks of version V2"
	p.Sample.Body = `{"type":"Transaction.Paid","timestamp":"{time}","data":{"paymentId":"payment-1001","storeId":"store-{uuid}","transactionId":"{uuid}"}}`
	return p
}
