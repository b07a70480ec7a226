package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(polar) }

// Compared in November 2026: @polar-sh/sdk 1.0.1 is the newest. It knows a second key,
// of which Why speaks; 0.49.0 judges this row.
func polar() verifiers.Provider {
	p := standardSender("polar", "Polar", []string{"{json:type}"},
		"https://docs.polar.sh/integrate/webhooks/delivery",
		"https://github.com/polarsource/polar/blob/main/server/polar/webhook/tasks.py")
	p.Why = "The whole secret, as text, is the key. Polar's library 1.0 also takes signatures with the key of Standard Webhooks, " +
		"which is the part behind whsec_, decoded. Should yours be signed so, use the provider standard-webhooks."
	p.Scheme = standardRaw([]string{"{json:type}"}, "webhook-")
	p.Secret.Prefix = ""
	p.Secret.Where = "Polar > Settings > Webhooks > the endpoint > Secret"
	p.Retries = verifiers.Retries{Deadline: 10 * time.Second, Attempts: 11} // with growing pauses of which Polar says nothing
	const source = "polarsource/polar, docs/integrate/webhooks/delivery.mdx"
	p.Sources = verifiers.Sources{Retries: source, Deadline: source, Repeats: "polarsource/polar, server/polar/webhook/tasks.py"}
	p.Sample.IDPrefix = ""
	p.Sample.Body = `{"type":"order.created","timestamp":"{time}","data":{"id":"00000000-0000-4000-8000-000000000001","status":"paid","currency":"usd","total_amount":1000}}`
	return p
}
