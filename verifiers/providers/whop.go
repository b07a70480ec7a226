package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(whop) }

func whop() verifiers.Provider {
	p := standardSender("whop", "Whop", []string{"{json:type}"},
		"https://docs.whop.com/developer/guides/webhooks",
		"https://www.npmjs.com/package/@whop/sdk")
	p.Why = "The whole secret, as text, is the key. Whop has it base64-encoded only for its library, which decodes it again."
	p.Scheme = standardRaw([]string{"{json:type}"}, "webhook-")
	p.Secret = verifiers.SecretInfo{Name: "webhook secret", Where: "the Whop dashboard, Developer > Webhooks > the webhook; paste it as it is shown"}
	p.Sample.Body = `{"id":"{id}","api_version":"v1","timestamp":"{time}","type":"payment.succeeded",` +
		`"data":{"id":"pay_1001","status":"paid","total":10,"currency":"usd"}}`
	return p
}
