package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(slack) }

// Compared in November 2026: @slack/bolt 5.1.0 is the newest and judges this row.
func slack() verifiers.Provider {
	return verifiers.Provider{
		Name:  "slack",
		Title: "Slack",
		Docs: []string{
			"https://api.slack.com/authentication/verifying-requests-from-slack",
			"https://api.slack.com/apis/events-api#retries",
		},
		Why: "Events are JSON; slash commands and interactions are forms, whose raw bytes are signed all the same.",

		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:  []string{"X-Slack-Signature"},
				Prefix: "v0=",
			},
			Content: "v0:{timestamp}:{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Slack-Request-Timestamp}"},
				EventID:   []string{"{json:event_id}"},
				EventType: []string{"{json:event.type}", "{json:type}"},
			},
		},
		Handshakes: []verifiers.Handshake{
			{
				Name: "url_verification",
				When: []verifiers.Condition{
					{Of: "{json:type}", Is: []string{"url_verification"}},
				},
				Verified: true,
				Body:     "{json:challenge}",
			},
			{
				Name: "ssl_check", // asks for nothing but an answer, and is not always signed
				When: []verifiers.Condition{
					{Of: "{form:ssl_check}", Is: []string{"1"}},
				},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing secret", Where: "api.slack.com > Your Apps > the app > Basic Information > App Credentials"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Slack asks for 5 minutes and renews the time on each attempt.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why: "Events have an ID in the signed body. Slash commands and interactions have none, but each has a trigger ID of its own, " +
				"so their bodies differ. Requests for the options of a menu may repeat: give those an endpoint with dedupe off.",
		},
		Retries: verifiers.Retries{ // at once, after 1 minute, after 5 minutes
			Deadline: 3 * time.Second,
			Attempts: 4,
			Horizon:  6 * time.Minute,
		},
		Confidential: []verifiers.Place{{From: "json", Name: "token"}, {From: "form", Name: "token"}},
		Sources: verifiers.Sources{
			Retries:  "https://docs.slack.dev/apis/events-api/",
			Deadline: "https://docs.slack.dev/apis/events-api/",
			Answers:  "https://docs.slack.dev/apis/events-api/",
		},
		Sample: verifiers.Sample{
			IDPrefix: "Ev",
			Body: `{"token":"unused","team_id":"T1DC2JH3J","api_app_id":"A0FFV41KK","event":{"type":"reaction_added","user":"U061F1EUR",` +
				`"reaction":"slightly_smiling_face"},"type":"event_callback","event_id":"{id}","event_time":{unix}}`,
		},
	}
}
