package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(finch) }

func finch() verifiers.Provider {
	p := standardSender("finch", "Finch (HR and payroll)", []string{"{json:event_type}"},
		"https://github.com/Finch-API/finch-api-node/blob/main/src/resources/webhooks.ts",
		"https://github.com/Finch-API/docs/blob/main/developer-resources/Webhooks.mdx")
	p.Why = "As Standard Webhooks has it, but for the names of the headers. The secret has no prefix."
	scheme := standardTyped([]string{"{json:event_type}"}, "finch-")
	scheme.EventID = []string{"{header:finch-event-id}"}
	p.Scheme = scheme
	p.Secret = verifiers.SecretInfo{Name: "webhook secret", Where: "Finch's developer dashboard, when the webhook is created; it is shown only once"}
	p.Freshness.Why = "Finch's library allows 5 minutes to both sides."
	p.Sample.Body = `{"company_id":"{uuid}","account_id":"{uuid}","event_type":"individual.created","data":{"individual_id":"{uuid}"}}`
	return p
}
