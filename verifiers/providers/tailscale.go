package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(tailscale) }

func tailscale() verifiers.Provider {
	return verifiers.Provider{
		Name:  "tailscale",
		Title: "Tailscale",
		Docs: []string{
			"https://tailscale.com/kb/1213/webhooks",
			"https://github.com/tailscale/tailscale/blob/main/docs/webhooks/example.go",
		},
		Why: "A body is an array of events. An event that is not answered 2xx holds up all that follow it. " +
			"Where a queue was held up for long, a wider tolerance lets it run dry.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"Tailscale-Webhook-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"v1"},
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:t}"},
				EventType: []string{"{json:0.type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "webhook secret", Where: "admin console > Webhooks, shown once when the endpoint is added or rotated; it starts with tskey-webhook-", Prefix: "tskey-webhook-"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Tailscale's own example allows 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: week,
			Why:    "Events have no ID, and a body has several. Each bears its time, so equal bodies are the same events.",
		},
		Sample: verifiers.Sample{
			Body: `[{"timestamp":"{time}","version":1,"type":"nodeCreated","tailnet":"example.com","message":"Node example created",` +
				`"data":{"nodeID":"nTestSample","deviceName":"example.tail0123.ts.net"}}]`,
		},
	}
}
