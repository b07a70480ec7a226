package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(polar) }

func polar() verifiers.Provider {
	p := standardSender("polar", "Polar", []string{"{json:type}"},
		"https://docs.polar.sh/integrate/webhooks/delivery",
		"https://github.com/polarsource/polar/blob/main/server/polar/webhook/tasks.py")
	p.Why = "The whole secret, as text, is the key."
	p.Scheme = standardRaw([]string{"{json:type}"}, "webhook-")
	p.Secret.Prefix = ""
	p.Secret.Where = "Polar > Settings > Webhooks > the endpoint > Secret"
	p.Retries = verifiers.Retries{Deadline: 10 * time.Second, Attempts: 10}
	p.Sample.IDPrefix = ""
	p.Sample.Body = `{"type":"order.created","timestamp":"{time}","data":{"id":"00000000-0000-4000-8000-000000000001","status":"paid","currency":"usd","total_amount":1000}}`
	return p
}
