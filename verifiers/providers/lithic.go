package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(lithic) }

// Compared in November 2026: lithic 0.145.0 is the newest and judges this row.
func lithic() verifiers.Provider {
	p := svixSender("lithic", "Lithic", []string{"{json:event_type}"},
		"https://docs.lithic.com/docs/events-api", "https://github.com/lithic-com/lithic-go", svixIngest)
	p.Scheme = standardTyped([]string{"{json:event_type}"}, "webhook-", "svix-")
	p.Secret.Where = "Lithic's API: GET /v1/event_subscriptions/{token}/secret"
	p.Sample.Body = `{"event_type":"card.created","card_token":"00000000-0000-4000-8000-000000000001","replacement_for":null,"created":"{time}"}`
	return p
}
