package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(recallAI) }

func recallAI() verifiers.Provider {
	p := standardSender("recall-ai", "Recall.ai", []string{"{json:event}"},
		"https://docs.recall.ai/docs/authenticating-requests-from-recallai",
		"https://docs.recall.ai/docs/status-change-webhooks-setup-verification",
		"https://github.com/recallai/sample-apps/blob/main/verify_requests_from_recall/src/verify_request_from_recall.ts")
	p.Scheme = standardTyped([]string{"{json:event}"}, "webhook-", "svix-")
	p.Retries = verifiers.Retries{Deadline: 15 * time.Second, Horizon: 24 * time.Hour}
	p.Secret.Where = "Recall.ai Dashboard, webhooks or workspace verification secret; it starts with whsec_"
	p.Sample.Body = `{"event":"bot.done","data":{"data":{"code":"done","sub_code":null,"updated_at":"{time}"},"bot":{"id":"00000000-0000-4000-8000-000000000001"}}}`
	return p
}
