package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(calendly) }

func calendly() verifiers.Provider {
	return verifiers.Provider{
		Name:      "calendly",
		Title:     "Calendly",
		Docs:      []string{"https://developer.calendly.com/api-docs/ZG9jOjM2MzE2MDM4-webhook-signatures"},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"Calendly-Webhook-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"v1"},
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:t}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing key", Where: "your own: signing_key of Create Webhook Subscription, else the OAuth application's webhook signing key"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: verifiers.Tolerance{Past: 3 * time.Minute, Future: 3 * time.Minute},
			Why:       "Calendly's own example allows 3 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "An event has no ID, but its body has its time in microseconds and the invitee.",
		},
		Retries: verifiers.Retries{Deadline: 15 * time.Second, Horizon: 24 * time.Hour},
		Sources: verifiers.Sources{
			Deadline: "https://developer.calendly.com/api-docs/overview/webhooks/webhook-timeouts",
		},
		Sample: verifiers.Sample{
			Body: `{"created_at":"{time}","created_by":"https://api.calendly.com/users/AAAAAAAAAAAAAAAA","event":"invitee.created",` +
				`"payload":{"email":"test@example.com","name":"John Doe","status":"active","uri":"https://api.calendly.com/scheduled_events/AAAAAAAAAAAAAAAA/invitees/{id}"}}`,
		},
	}
}
