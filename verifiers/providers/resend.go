package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(resend) }

// Compared in November 2026: resend 6.38.0 is the newest and judges this row.
func resend() verifiers.Provider {
	p := svixSender("resend", "Resend", []string{"{json:type}"},
		"https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests", svixIngest)
	p.Secret.Where = "Resend > Webhooks > the webhook > Signing Secret"
	p.Sample.Body = `{"type":"email.delivered","created_at":"{time}","data":{"email_id":"56761188-7520-42d8-8898-ff6fc54ce618",` +
		`"from":"Example <hello@example.com>","to":["delivered@example.org"],"subject":"Hello"}}`
	return p
}
