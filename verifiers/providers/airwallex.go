package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(airwallex) }

func airwallex() verifiers.Provider {
	scheme := overBody("hex", "X-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{header:X-Timestamp}", Format: "unix_ms"}
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:name}"}
	scheme.Content = "{timestamp}{body}"
	return verifiers.Provider{
		Name:  "airwallex",
		Title: "Airwallex",
		Docs: []string{
			"https://www.airwallex.com/docs/developer-tools/webhooks/webhooks-overview",
			"https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events",
			"https://www.airwallex.com/docs/developer-tools__listen-for-webhook-events__code-examples",
			"https://github.com/airwallex/paymentacceptance-plugin-woocommerce/blob/master/includes/Services/WebhookService.php",
		},
		Confirmed: true,
		Why:       "Test events from the web app are signed with another key, which they bring along.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "Developer > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "It is the time at which the request was sent.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body and, Airwallex says, stays the same on retries, which go on for three days.",
		},
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 200}}, // nothing else counts
		Retries: verifiers.Retries{Horizon: 72 * time.Hour},
		Sources: verifiers.Sources{
			Retries: "https://www.airwallex.com/docs/developer-tools/webhooks/webhooks-overview",
			Answers: "https://www.airwallex.com/docs/developer-tools/webhooks/webhooks-overview",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body: `{"id":"{id}","name":"payment_intent.succeeded","account_id":"acct_1001","data":{"object":{"id":"int_1001","amount":100,` +
				`"currency":"USD","status":"SUCCEEDED"}},"created_at":"{time}"}`,
		},
	}
}
