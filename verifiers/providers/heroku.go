package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(heroku) }

func heroku() verifiers.Provider {
	return verifiers.Provider{
		Name:  "heroku",
		Title: "Heroku app webhooks",
		Docs: []string{
			"https://devcenter.heroku.com/articles/app-webhooks#securing-webhook-requests",
			"https://devcenter.heroku.com/articles/app-webhooks-schema",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"Heroku-Webhook-Hmac-SHA256"},
				Encoding: "base64",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:published_at}", Format: "rfc3339"},
				EventID:   []string{"{json:webhook_metadata.delivery.id}", "{json:webhook_metadata.event.id}"},
				EventType: []string{"{json:resource}.{json:action}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "the one that you gave, or were shown, when the webhook was created (heroku webhooks:add)"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "The time is the event's own. How long a webhook of the level sync is tried is not documented; a week outlasts any " +
				"schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why: "The delivery's ID stands in the signed body and is the same on every attempt. " +
				"The body also names the attempt, so by a digest of it every attempt would be another event.",
		},
		Retries: verifiers.Retries{Horizon: 72 * time.Hour},
		Sources: verifiers.Sources{
			Retries: "https://devcenter.heroku.com/changelog-items/1966",
		},
		Sample: verifiers.Sample{
			Body: `{"action":"update","actor":{"email":"dev@example.org","id":"00000000-0000-4000-8000-000000000001"},"created_at":"{time}",` +
				`"data":{"id":"00000000-0000-4000-8000-000000000002","status":"succeeded","app":{"name":"example"}},"resource":"build",` +
				`"published_at":"{time}","version":"application/vnd.heroku+json; version=3","webhook_metadata":{"attempt":{"id":"{uuid}"},` +
				`"delivery":{"id":"{id}"},"event":{"id":"00000000-0000-4000-8000-000000000003","include":"api:build"}}}`,
		},
	}
}
