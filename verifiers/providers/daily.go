package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(daily) }

func daily() verifiers.Provider {
	return verifiers.Provider{
		Name:  "daily",
		Title: "Daily",
		Docs:  []string{"https://docs.daily.co/reference/rest-api/webhooks"},
		Why:   "The secret is base64 of the key.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"X-Webhook-Signature"},
				Encoding: "base64",
			},
			Secret:  verifiers.SecretFormat{Encoding: "base64"},
			Content: "{header:X-Webhook-Timestamp}.{body}",
			Facts: verifiers.Facts{
				Require:   apart("{header:X-Webhook-Timestamp}"),
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "hmac", Where: "the hmac property of the webhook, in the answer to its creation"},
		Handshakes: []verifiers.Handshake{{
			// Before it creates a webhook, Daily posts this and wants a 200. The webhook has no secret yet.
			Name: "url_check",
			When: []verifiers.Condition{
				{Of: "{json:test}", Is: []string{"test"}},
				{Of: "{json:id}", Absent: true},
				{Of: "{json:type}", Absent: true},
			},
		}},
		Freshness: verifiers.Freshness{Why: "X-Webhook-Timestamp is signed, but its unit is not established: it is taken as text."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Webhook-Timestamp": "{unix}"},
			Body:   `{"version":"1.0.0","type":"meeting.started","id":"{id}","payload":{"room":"hello","start_ts":{unix}},"event_ts":{unix}}`,
		},
	}
}
