package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(ahaSend) }

func ahaSend() verifiers.Provider {
	p := standardSender("ahasend", "AhaSend", []string{"{json:type}"},
		"https://github.com/AhaSend/docs/blob/main/integrations/webhooks.mdx",
		"https://github.com/AhaSend/ahasend-go/blob/main/webhooks/webhooks.go")
	p.Why = "The secret is the key as it stands. It is no base64, although the rest is as Standard Webhooks has it."
	p.Scheme = standardRaw([]string{"{json:type}"}, "webhook-")
	p.Secret.Where, p.Secret.Prefix = "Dashboard > Webhooks > the webhook's details; give all of it, the prefix aha-whsec- too", ""
	p.Sample.IDPrefix = ""
	p.Sample.Body = `{"type":"message.delivered","timestamp":"{time}","data":{"account_id":"{uuid}","event":"on_delivered",` +
		`"from":"info@example.com","recipient":"someone@example.com","subject":"Example","id":"message-1001"}}`
	return p
}
