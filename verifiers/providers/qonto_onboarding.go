package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(qontoOnboarding) }

func qontoOnboarding() verifiers.Provider {
	scheme := overBody("hex", "Qonto-SHA256-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{json:created_at}", Format: "rfc3339"}
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:event_type}"}
	return verifiers.Provider{
		Name:      "qonto-onboarding",
		Title:     "Qonto Onboarding",
		Docs:      []string{"https://docs.qonto.com/api-reference/onboarding-api/webhooks"},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the one that you gave when you made the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "It is the event's own time. How long Qonto retries is not documented; a week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","event_type":"registrations.pending","resource_type":"registration","resource_id":"{uuid}",` +
				`"created_at":"{time}"}`,
		},
	}
}
