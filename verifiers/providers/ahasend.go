package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(ahaSend) }

func ahaSend() verifiers.Provider {
	p := standardSender("ahasend", "AhaSend", []string{"{json:type}"},
		"https://github.com/symfony/symfony/blob/8.1/src/Symfony/Component/Mailer/Bridge/AhaSend/Webhook/AhaSendRequestParser.php")
	p.Confirmed = false
	p.Why = "The secret is the key as it stands. It is no base64, although the rest is as Standard Webhooks has it."
	p.Scheme = standardRaw([]string{"{json:type}"}, "webhook-")
	p.Secret.Where, p.Secret.Prefix = "AhaSend's page of the webhook", ""
	p.Sample.IDPrefix = ""
	p.Sample.Body = `{"type":"message.delivered","timestamp":"{time}","data":{"account_id":"{uuid}","event":"on_delivered",` +
		`"from":"info@example.com","recipient":"someone@example.com","subject":"Example","id":"message-1001"}}`
	return p
}
