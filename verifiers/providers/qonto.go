package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(qonto) }

func qonto() verifiers.Provider {
	scheme := timedList("X-Qonto-Signature", "t", "v1")
	scheme.EventID = []string{timeAndBody}
	return verifiers.Provider{
		Name:  "qonto",
		Title: "Qonto",
		Docs: []string{
			"https://docs.qonto.com/api-reference/business-api/webhooks/setup",
			"https://docs.qonto.com/api-reference/business-api/webhooks/troubleshooting",
		},
		Why:       "The webhooks of the Business API. Those of the Onboarding API are qonto-onboarding.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the answer that made the webhook subscription"},
		Freshness: verifiers.Freshness{
			Origin: verifiers.EventTime,
			Why:    renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: 24 * time.Hour,
			Why:    timeAndBodyWhy,
		},
		Retries: verifiers.Retries{Deadline: time.Second},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","type":"v1/transactions","data":{"transaction_id":"example-1001","amount_cents":1000,"currency":"EUR"}}`,
		},
	}
}
