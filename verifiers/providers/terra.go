package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(terra) }

func terra() verifiers.Provider {
	scheme := timedList("terra-signature", "t", "v1")
	scheme.EventID = []string{timeAndBody}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "terra",
		Title: "Terra",
		Docs: []string{
			"https://docs.tryterra.co/destinations/webhooks",
			"https://www.npmjs.com/package/terra-api",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "Dashboard > Connections > Destinations > Webhook > Edit"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Terra's library allows 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    timeAndBodyWhy + " A retry that is signed anew counts as another event.",
		},
		Retries: verifiers.Retries{Deadline: 30 * time.Second},
		Sources: verifiers.Sources{
			Deadline: "https://docs.tryterra.co/reference/webhook-settings",
			Answers:  "https://docs.tryterra.co/docs/getting-data-into-your-project",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"activity","user":{"user_id":"{uuid}","provider":"GARMIN","reference_id":"user-1001"},` +
				`"data":[{"metadata":{"summary_id":"{id}","start_time":"{time}","name":"Morning run"}}]}`,
		},
	}
}
