package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(chargebee) }

// Compared in November 2026: chargebee 3.33.0 is the newest and judges this row.
func chargebee() verifiers.Provider {
	return verifiers.Provider{
		Name:  "chargebee",
		Title: "Chargebee",
		Docs: []string{
			"https://apidocs.chargebee.com/docs/api/webhooks",
			"https://github.com/chargebee/chargebee-node/blob/master/src/resources/webhook/auth.ts",
		},
		Why:       "Chargebee does not sign. It sends the user and the password that were given with the webhook, which prove nothing of the body.",
		Confirmed: true,
		Scheme: verifiers.Token{
			From: "basic",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:occurred_at}"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "basic authentication, as user:password", Where: "Settings > Configure Chargebee > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own. Retries go on for 79 hours, which a week outlasts.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The event's ID is the same on every attempt.",
		},
		Retries: verifiers.Retries{ // 2 m, 6 m, 30 m, 1 h, 5 h, 1 d, 2 d after one another
			Deadline: time.Minute,
			Attempts: 8,
			Horizon:  78*time.Hour + 38*time.Minute,
		},
		Sample: verifiers.Sample{
			IDPrefix: "ev_",
			Body: `{"id":"{id}","occurred_at":{unix},"source":"admin_console","object":"event","api_version":"v2","event_type":"customer_created",` +
				`"webhook_status":"scheduled","content":{"customer":{"id":"16BdDXSlbu4uV1Ee6","first_name":"Jo","object":"customer"}}}`,
		},
	}
}
