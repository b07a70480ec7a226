package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(monday) }

func monday() verifiers.Provider {
	return verifiers.Provider{
		Name:  "monday",
		Title: "monday.com",
		Docs: []string{
			"https://developer.monday.com/apps/docs/authorization-header",
			"https://developer.monday.com/api-reference/reference/webhooks",
		},
		Why: "The token stands in Authorization without the word Bearer, and says nothing of the body. " +
			"Webhooks of boards are signed with the app's signing secret, those of the app's own life cycle with its client secret. " +
			"Webhooks that were made with a personal token carry none.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			Names:      []string{"Authorization"},
			Algorithms: []string{"HS256"},
			Facts: verifiers.Facts{
				EventType: []string{"{json:event.type}", "{json:type}"},
				Addressee: []verifiers.Condition{{Of: "{claim:aud}", Is: []string{"{option:audience}"}}},
				Require:   []verifiers.Condition{{Of: "{claim:exp}"}},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing secret", Where: "Developer Center > the app > Basic Information"},
		Options: []verifiers.Option{{
			Name: "audience", What: "the URL that the token has to be made out to: this endpoint's, as the app has it",
			Many: true, Example: "https://hooks.example.com/monday",
		}},
		Handshakes: []verifiers.Handshake{{
			Name:  "challenge",
			When:  []verifiers.Condition{{Of: "{json:challenge}"}, {Of: "{json:event.type}", Absent: true}},
			Guard: []verifiers.Condition{{Of: "{json:challenge}", Like: `[A-Za-z0-9._~+/=-]{1,256}`}},
			Type:  "application/json",
			Body:  `{{"challenge":"{json:challenge}"}}`,
		}},
		Freshness: verifiers.Freshness{Why: "The token lives for five minutes. When it was issued does not matter beside that."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "No ID of an event is documented. The body has the item, the change and the time of it.",
		},
		Retries: verifiers.Retries{Horizon: 30 * time.Minute},
		Sources: verifiers.Sources{
			Retries: "https://developer.monday.com/apps/changelog/clarification-on-retry-policies-for-webhooks-and-custom-actions",
			Answers: "https://developer.monday.com/apps/changelog/clarification-on-retry-policies-for-webhooks-and-custom-actions",
		},
		Sample: verifiers.Sample{
			Body: `{"event":{"userId":9603417,"originalTriggerUuid":null,"boardId":1771812698,"pulseId":1772099344,"pulseName":"Create_item webhook",` +
				`"groupId":"topics","type":"create_pulse","triggerTime":"{time}","subscriptionId":73759690,"triggerUuid":"{id}"}}`,
		},
	}
}
