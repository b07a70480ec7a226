package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(vercel) }

func vercel() verifiers.Provider {
	return verifiers.Provider{
		Name:  "vercel",
		Title: "Vercel",
		Docs: []string{
			"https://vercel.com/docs/webhooks",
			"https://vercel.com/docs/webhooks/webhooks-api",
		},
		Why:       "Vercel signs with SHA-1 and offers nothing else. As a keyed hash it still holds.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Hash:      "sha1",
			Signature: verifiers.Signature{Names: []string{"x-vercel-signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:createdAt}", Format: "unix_ms"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:  "secret",
			Where: "Team Settings > Webhooks, shown once when the webhook is created; for an integration its Client Secret",
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own. Retries end after a day. A week leaves a person time to send it again.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Retries: verifiers.Retries{Deadline: 30 * time.Second, Horizon: 24 * time.Hour},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body: `{"id":"{id}","type":"deployment.created","createdAt":{unix}000,"region":null,"payload":{"team":{"id":"team_1001"},` +
				`"project":{"id":"prj_1001"},"deployment":{"id":"dpl_1001","name":"example","url":"example.vercel.app"}}}`,
		},
	}
}
