package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(pagerDutyV3) }

// Compared in November 2026: go-pagerduty 1.8.0 is the newest and judges this row;
// PagerDuty's documents name V3 as the newest webhooks.
func pagerDutyV3() verifiers.Provider {
	return verifiers.Provider{
		Name:  "pagerduty-v3",
		Title: "PagerDuty (V3 webhooks)",
		Docs: []string{
			"https://developer.pagerduty.com/docs/webhooks-overview",
			"https://developer.pagerduty.com/docs/verifying-webhook-signatures",
			"https://github.com/PagerDuty/go-pagerduty/blob/main/webhookv3/webhookv3_test.go",
		},
		Why: "While a secret is being changed there are several v1. A 4xx other than 429 is final for PagerDuty, " +
			"and an endpoint that lost three events so is disabled for a day.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"X-PagerDuty-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"v1"},
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:event.occurred_at}", Format: "rfc3339"},
				EventID:   []string{"{json:event.id}"},
				EventType: []string{"{json:event.event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing secret", Where: "PagerDuty, shown once when the webhook subscription is created"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(72 * time.Hour),
			Why:       "The time is the event's own, signed with the body; PagerDuty tries for 48 hours.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       96 * time.Hour,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body. X-Webhook-Id, which a retry repeats as well, does not.",
		},
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 202}},
		Retries: verifiers.Retries{Deadline: 5 * time.Second, Horizon: 48 * time.Hour},
		Largest: 256 << 10,
		Sources: verifiers.Sources{
			Retries:  "PagerDuty/developer-docs, docs/webhooks/02-Behavior.md",
			Deadline: "PagerDuty/developer-docs, docs/webhooks/02-Behavior.md",
			Answers:  "PagerDuty/developer-docs, docs/webhooks/02-Behavior.md",
			Largest:  "PagerDuty/developer-docs, docs/webhooks/02-Behavior.md",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Webhook-Id": "{uuid}"},
			Body: `{"event":{"id":"{id}","event_type":"incident.triggered","resource_type":"incident","occurred_at":"{time}",` +
				`"agent":null,"client":null,"data":{"id":"PGR0VU2","type":"incident","number":2,"status":"triggered","title":"Example"}}}`,
		},
	}
}
