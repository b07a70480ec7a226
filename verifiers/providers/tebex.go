package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(tebex) }

func tebex() verifiers.Provider {
	scheme := overBody("hex", "X-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{json:date}", Format: "rfc3339"}
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	scheme.Content = "{body.sha256.hex}"
	return verifiers.Provider{
		Name:  "tebex",
		Title: "Tebex",
		Docs:  []string{"https://docs.tebex.io/developers/webhooks"},
		Why: "The SHA-256 of the body, in lower-case hex, is signed, not the body. The webhooks of the affiliate API are signed " +
			"otherwise.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "the creator panel, Integrations > Webhooks"},
		Handshakes: []verifiers.Handshake{{
			Name:     "validation",
			When:     []verifiers.Condition{{Of: "{json:type}", Is: []string{"validation.webhook"}}},
			Verified: true,
			Type:     "application/json",
			Body:     `{{"id":"{json:id}"}}`,
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "The only time is that of the event, and for how long Tebex retries is not documented. A week outlasts any " +
				"schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","type":"payment.completed","date":"{time}","subject":{"transaction_id":"tbx-1001","status":{"id":1,` +
				`"description":"Complete"}}}`,
		},
	}
}
