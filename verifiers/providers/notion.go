package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(notion) }

// Compared in November 2026: @notionhq/client 5.26.0 is the newest and judges this row.
func notion() verifiers.Provider {
	return verifiers.Provider{
		Name:  "notion",
		Title: "Notion",
		Docs: []string{
			"https://developers.notion.com/reference/webhooks",
			"https://github.com/makenotion/notion-sdk-js",
		},
		Why: "Notion makes up the verification token of a subscription and hands it over in the first request. " +
			"It is taken only while the endpoint says enrol. A person has to show it to Notion.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Notion-Signature"}, Prefix: "sha256="},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:timestamp}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:   "verification token",
			Where:  "the subscription's first request: let the endpoint learn it with enrol",
			Learnt: true,
		},
		Handshakes: []verifiers.Handshake{{
			Name:   "verification_token",
			When:   []verifiers.Condition{{Of: "{json:verification_token}"}, {Of: "{json:type}", Absent: true}},
			Guard:  []verifiers.Condition{{Of: "{json:verification_token}", Like: "[A-Za-z0-9_-]{16,256}"}},
			Enrols: "{json:verification_token}",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own, and a retry does not renew it. Retries end after a day. A week leaves room for an outage.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The event's ID stands in the signed body, which also counts the attempts and so is no key itself.",
		},
		Retries: verifiers.Retries{Attempts: 9, Horizon: 24 * time.Hour},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","timestamp":"{time}","workspace_id":"13950b26-c203-4f3b-b97d-93ec06319565","subscription_id":"29d75c0d-5546-4414-8459-7b7a92f1fc4b",` +
				`"type":"page.content_updated","authors":[{"id":"c7c11cca-1d73-471d-9b6e-bdef51470190","type":"person"}],"attempt_number":1,` +
				`"entity":{"id":"153104cd-477e-809d-8dc4-ff2d96ae3090","type":"page"},"data":{"updated_blocks":[]}}`,
		},
	}
}
