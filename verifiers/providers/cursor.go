package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(cursor) }

func cursor() verifiers.Provider {
	return verifiers.Provider{
		Name:      "cursor",
		Title:     "Cursor (cloud agents)",
		Docs:      []string{"https://cursor.com/docs/cloud-agent/api/webhooks"},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:  []string{"X-Webhook-Signature"},
				Prefix: "sha256=",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{header:X-Webhook-ID}"},
				EventType: []string{"{header:X-Webhook-Event}", "{json:event}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the webhook.secret that you gave when the agent was started"},
		Freshness: verifiers.Freshness{Why: "Cursor sends no time outside the event."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    "The webhook's ID is outside the signature, so it counts together with the body. That bodies are unique is not documented.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "msg_",
			Header:   map[string]string{"X-Webhook-Event": "statusChange"},
			Body: `{"event":"statusChange","timestamp":"{time}","id":"bc_abc123","status":"FINISHED",` +
				`"source":{"repository":"https://github.com/example/repo","ref":"main"},"summary":"Example"}`,
		},
	}
}
