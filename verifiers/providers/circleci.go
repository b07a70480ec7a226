package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(circleCI) }

// Compared in November 2026: CircleCI's documents name v1 as the only version of the
// signature.
func circleCI() verifiers.Provider {
	return verifiers.Provider{
		Name:  "circleci",
		Title: "CircleCI",
		Docs: []string{
			"https://circleci.com/docs/outbound-webhooks/",
			"https://circleci.com/docs/webhooks-reference/",
		},
		Why: "Only the newest version of the signature counts, so that nobody can ask for a weaker one. It is v1, the only one so far.",

		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"circleci-signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"v1"},
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:happened_at}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}", "{header:circleci-event-type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret token", Where: "Project Settings > Webhooks > the webhook, where you chose it"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own, and the schedule of retries is not documented. A week outlasts any that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "CircleCI warns of duplicates and names the ID in the signed body as the way to recognise them.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second},
		Sources: verifiers.Sources{
			Deadline: "circleci/circleci-docs, docs/guides/modules/integration/pages/outbound-webhooks.adoc",
			Answers:  "circleci/circleci-docs, docs/guides/modules/integration/pages/outbound-webhooks.adoc",
			Repeats:  "circleci/circleci-docs, docs/guides/modules/integration/pages/outbound-webhooks.adoc",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"User-Agent": "CircleCI-Webhook/1.0", "circleci-event-type": "workflow-completed"},
			Body: `{"id":"{id}","type":"workflow-completed","happened_at":"{time}","webhook":{"id":"cf8c4fdd-0587-4da1-b4ca-4846e9640af9",` +
				`"name":"Example"},"workflow":{"id":"fda08377-fe7e-46b1-8992-3a7aaecac9c3","name":"build","status":"success"},` +
				`"project":{"slug":"github/example/repo"}}`,
		},
	}
}
