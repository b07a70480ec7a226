package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(columnBank) }

func columnBank() verifiers.Provider {
	scheme := overBody("hex", "Column-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{json:created_at}", Format: "rfc3339"}
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:      "column",
		Title:     "Column",
		Docs:      []string{"https://column.com/docs/workingwithapi/events-and-webhooks"},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the dashboard, Webhooks > the endpoint"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "It is the event's own time. How long Column retries is not known; a week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body and, Column says, is the same whenever the event is sent.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evnt_",
			Body: `{"id":"{id}","created_at":"{time}","type":"ach.outgoing_transfer.completed","data":{"id":"acht_1001","amount":1000,` +
				`"currency_code":"USD"}}`,
		},
	}
}
