package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(trello) }

func trello() verifiers.Provider {
	return verifiers.Provider{
		Name:  "trello",
		Title: "Trello",
		Docs:  []string{"https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/"},
		Why: "The callback URL is signed as it was registered, after the body. Behind anything that changes scheme, host or path, " +
			"give it with public_url.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Hash:      "sha1",
			Signature: verifiers.Signature{Names: []string{"X-Trello-Webhook"}, Encoding: "base64"},
			Content:   "{body}{url}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:action.date}", Format: "rfc3339"},
				EventID:   []string{"{json:model.id}:{json:action.id}", "{json:action.id}"},
				EventType: []string{"{json:action.type}"},
			},
		},
		Secret:     verifiers.SecretInfo{Name: "secret", Where: "trello.com/power-ups/admin > the app > API key"},
		Handshakes: []verifiers.Handshake{{Name: "url_check", Method: "HEAD"}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the action's own. Retries end after minutes; a week leaves room for a queue at Trello.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why: "The action's ID stands in the signed body. One action reaches the webhooks of a board and of a card on it, " +
				"so the watched model belongs to the key.",
		},
		Retries: verifiers.Retries{ // after 30 s, 60 s, 120 s
			Attempts: 4,
			Horizon:  210 * time.Second,
		},
		Sample: verifiers.Sample{
			Body: `{"model":{"id":"4d5ea62fd76aa1136000000c","name":"Trello Development"},"action":{"id":"{id}","idMemberCreator":"4fc78a59a885233f4b349bd9",` +
				`"type":"voteOnCard","date":"{time}","data":{"board":{"name":"Trello Development","id":"4d5ea62fd76aa1136000000c"},"voted":true}}}`,
		},
	}
}
