package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(loops) }

func loops() verifiers.Provider {
	p := standardSender("loops", "Loops", []string{"{json:eventName}"}, "https://loops.so/docs/webhooks",
		"https://trigger.dev/docs/webhooks/providers/loops")
	p.Confirmed = false
	p.Secret.Where = "Loops > Settings > Webhooks > Signing secret"
	p.Sample.Body = `{"eventName":"contact.created","eventTime":{unix},"webhookSchemaVersion":"1.0.0",` +
		`"contactIdentity":{"id":"cm4t1suns001uw6atri87v54s","email":"reader@example.org","userId":null}}`
	return p
}
