package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(tally) }

func tally() verifiers.Provider {
	scheme := overBody("base64", "Tally-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{json:createdAt}", Format: "rfc3339"}
	scheme.EventID = []string{"{json:eventId}"}
	scheme.EventType = []string{"{json:eventType}"}
	return verifiers.Provider{
		Name:  "tally",
		Title: "Tally",
		Docs: []string{
			"https://tally.so/help/webhooks",
		},
		Confirmed: true,
		Why:       "Tally signs only where a signing secret was added to the webhook.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the form > Integrations > Webhooks, where you add it"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own, and for how long Tally retries was not confirmed. A week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"eventId":"{id}","eventType":"FORM_RESPONSE","createdAt":"{time}","data":{"responseId":"2wgx4n","submissionId":"2wgx4n",` +
				`"formId":"VwbNEw","formName":"Example","fields":[{"key":"question_3EKz4n","label":"Text","type":"INPUT_TEXT","value":"Hello"}]}}`,
		},
	}
}
