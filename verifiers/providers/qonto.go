package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(qonto) }

func qonto() verifiers.Provider {
	scheme := timedList("X-Qonto-Signature", "t", "v1")
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "qonto",
		Title: "Qonto",
		Docs: []string{
			"https://docs.qonto.com/api-reference/business-api/webhooks/setup",
			"https://docs.qonto.com/api-reference/business-api/webhooks/supported-webhooks/v1-transactions",
			"https://docs.qonto.com/api-reference/business-api/webhooks/troubleshooting",
		},
		Why:       "The webhooks of the Business API. Those of the Onboarding API are qonto-onboarding.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the answer that made the webhook subscription"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why: "Qonto asks to refuse requests older than 5 minutes and tries for days, so each attempt has to have a time of " +
				"its own.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       168 * time.Hour,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body. Qonto tries \"for a few days\".",
		},
		Retries: verifiers.Retries{Deadline: time.Second},
		Sources: verifiers.Sources{
			Deadline: "https://docs.qonto.com/api-reference/business-api/webhooks/overview",
			Answers:  "https://docs.qonto.com/api-reference/business-api/webhooks/overview",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","subscription_id":"{uuid}","type":"v1/transactions","created_at":"{time}","data":{"event":"created",` +
				`"transaction_id":"example-1001","amount":10.00,"currency":"EUR"}}`,
		},
	}
}
