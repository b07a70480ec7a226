package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(planetScale) }

func planetScale() verifiers.Provider {
	return verifiers.Provider{
		Name:  "planetscale",
		Title: "PlanetScale",
		Docs: []string{
			"https://planetscale.com/docs/api/webhooks",
			"https://planetscale.com/docs/api/webhook-events",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-PlanetScale-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:timestamp}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "the database > Settings > Webhooks > the webhook > Show secret"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "Whether a retry renews the time is not documented, nor is the schedule of retries. A week outlasts any that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: pastWeek,
			Why:    "There is no event ID. The body has the time, the event and its object, so equal bodies are one event.",
		},
		Retries: verifiers.Retries{Deadline: 2 * time.Second},
		Sources: verifiers.Sources{
			Deadline: "planetscale/docs, docs/concepts/webhooks.md",
			Answers:  "planetscale/docs, docs/concepts/webhooks.md",
		},
		Sample: verifiers.Sample{
			Body: `{"timestamp":{unix},"event":"branch.ready","organization":"example","database":"example_database",` +
				`"resource":{"id":"1001","type":"Branch","name":"example-branch","ready":true}}`,
		},
	}
}
