package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(render) }

func render() verifiers.Provider {
	p := svixSender("render", "Render", []string{"{json:type}"}, "https://render.com/docs/webhooks", svixIngest)
	p.Scheme = standardTyped([]string{"{json:type}"}, "webhook-", "svix-")
	p.Secret.Where = "Render Dashboard > Integrations > Webhooks > the webhook > Signing Secret"
	p.Sample.Body = `{"type":"deploy_ended","timestamp":"{time}","data":{"id":"evt-cph1rs3idesc73a2b2mg","serviceId":"srv-cukouhrtq21c73e9scng",` +
		`"serviceName":"example","status":"succeeded"}}`
	return p
}
