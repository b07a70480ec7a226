package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(clerk) }

// Compared in November 2026: @clerk/backend 3.25.0 is the newest and judges this row.
func clerk() verifiers.Provider {
	p := svixSender("clerk", "Clerk", []string{"{json:type}"}, "https://clerk.com/docs/webhooks/sync-data", svixIngest)
	p.Secret.Where = "Clerk Dashboard > Webhooks > the endpoint > Signing Secret"
	p.Sample.Body = `{"data":{"id":"user_29w83sxmDNGwOuEthce5gg56FcC","object":"user","first_name":"Example"},` +
		`"object":"event","timestamp":{unix},"type":"user.created"}`
	return p
}
