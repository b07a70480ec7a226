package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(quickbooks) }

// Compared in November 2026: Intuit moved to CloudEvents in 2025 and 2026 and kept the
// signature (QuickBooks-V3-DotNET-SDK 14.7.0.4).
func quickbooks() verifiers.Provider {
	return verifiers.Provider{
		Name:  "quickbooks",
		Title: "QuickBooks Online",
		Docs:  []string{"https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks/managing-webhooks-notifications"},
		Why: "One body has the changes of several companies, in one of two forms: an object with eventNotifications, " +
			"or an array of CloudEvents.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"intuit-signature"},
				Encoding: "base64",
			},
			Content: "{body}",
		},
		Secret:    verifiers.SecretInfo{Name: "verifier token", Where: "developer.intuit.com > the app > Webhooks"},
		Freshness: verifiers.Freshness{Why: "Each change of a batch has a time of its own; the batch has none."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A body is a batch of changes, each with the time at which it was made.",
		},
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 200}},
		Retries: verifiers.Retries{Deadline: 3 * time.Second},
		Sample: verifiers.Sample{
			Body: `{"eventNotifications":[{"realmId":"1185883450","dataChangeEvent":{"entities":[{"name":"Customer","id":"1001",` +
				`"operation":"Create","lastUpdated":"{time}"}]}}]}`,
		},
	}
}
