package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(guesty) }

func guesty() verifiers.Provider {
	p := svixSender("guesty", "Guesty", []string{"{json:event}", "{json:type}"}, "https://open-api-docs.guesty.com/docs/webhooks", svixIngest)
	p.Secret.Where = "Guesty's Open API, webhooks: the secret of the subscription; it starts with whsec_"
	p.Sample.Body = `{"event":"reservation.new","reservation":{"_id":"5f0000000000000000000001","status":"confirmed","createdAt":"{time}"}}`
	return p
}
