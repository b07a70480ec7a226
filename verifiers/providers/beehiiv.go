package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(beehiiv) }

func beehiiv() verifiers.Provider {
	p := svixSender("beehiiv", "beehiiv", []string{"{json:event_type}"}, "https://developers.beehiiv.com/webhooks", svixIngest)
	p.Secret.Where = "beehiiv > Settings > Webhooks > the endpoint > Signing Secret"
	p.Sample.Body = `{"data":{"id":"sub_00000000-0000-4000-8000-000000000001","email":"reader@example.org","status":"active"},` +
		`"event_timestamp":{unix},"event_type":"subscription.confirmed","uid":"{uuid}"}`
	return p
}
