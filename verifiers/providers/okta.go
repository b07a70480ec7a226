package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(okta) }

func okta() verifiers.Provider {
	return verifiers.Provider{
		Name:  "okta",
		Title: "Okta event hooks",
		Docs: []string{
			"https://developer.okta.com/docs/concepts/event-hooks/",
			"https://github.com/okta/okta-developer-docs/blob/master/packages/@okta/vuepress-site/docs/concepts/event-hooks/index.md",
		},
		Confirmed: true,
		Why:       "Nothing is signed: the hook sends the value of its authentication secret in the authentication field, which is Authorization unless it was named otherwise.",
		Scheme: verifiers.Token{
			Names: []string{"Authorization"},
			Facts: verifiers.Facts{
				EventID:   []string{"{json:eventId}"},
				EventType: []string{"{json:eventType}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "authentication secret", Where: "Workflow > Event Hooks > the hook; you chose it there"},
		Handshakes: []verifiers.Handshake{{
			Name:   "verification",
			Method: "GET",
			When:   []verifiers.Condition{{Of: "{header:X-Okta-Verification-Challenge}"}},
			// It is not documented that the request has the secret, so the answer
			// repeats only the alphabet of tokens.
			Guard: []verifiers.Condition{{Of: "{header:X-Okta-Verification-Challenge}", Like: `[A-Za-z0-9._~+/=-]{1,512}`}},
			Type:  "application/json",
			Body:  `{{"verification":"{header:X-Okta-Verification-Challenge}"}}`,
		}},
		Freshness: verifiers.Freshness{Why: "The time is that of the events, and how long Okta retries is not relied on."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID names the delivery with all of its events; the token vouches for it.",
		},
		Retries: verifiers.Retries{Deadline: 3 * time.Second, Attempts: 2},
		Sources: verifiers.Sources{
			Retries:    "okta/okta-developer-docs, packages/@okta/vuepress-site/docs/concepts/event-hooks/index.md",
			Deadline:   "okta/okta-developer-docs, packages/@okta/vuepress-site/docs/concepts/event-hooks/index.md",
			Repeats:    "okta/okta-developer-docs, packages/@okta/vuepress-site/docs/concepts/event-hooks/index.md",
			Handshakes: "okta/okta-developer-docs, packages/@okta/vuepress-site/docs/concepts/event-hooks/index.md",
		},
		Sample: verifiers.Sample{
			Body: `{"eventType":"com.okta.event_hook","eventTypeVersion":"1.0","cloudEventsVersion":"0.1","eventId":"{id}",` +
				`"data":{"events":[{"uuid":"{uuid}","published":"{time}","eventType":"user.lifecycle.create","displayMessage":"Create Okta user"}]}}`,
		},
	}
}
