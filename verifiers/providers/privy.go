package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(privy) }

func privy() verifiers.Provider {
	p := svixSender("privy", "Privy", []string{"{json:type}"},
		"https://docs.privy.io/api-reference/webhooks/overview",
		"https://docs.privy.io/user-management/users/webhooks/handling-events",
		"https://www.npmjs.com/package/@privy-io/node")
	p.Secret.Where = "the Privy dashboard, Configuration > Webhooks > the endpoint > Signing key"
	p.Sample.Body = `{"type":"user.created","user":{"id":"did:privy:1001","created_at":{unix},"linked_accounts":[{"type":"email","address":"reader@example.org"}]}}`
	return p
}
