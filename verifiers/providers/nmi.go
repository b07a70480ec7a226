package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(nmi) }

func nmi() verifiers.Provider {
	scheme := overBody("hex", "Signature")
	return verifiers.Provider{
		Name:  "nmi",
		Title: "NMI",
		Docs: []string{
			"https://docs.nmi.com/reference/subscriptions",
			"https://docs.nmi.com/reference/webhook-events-2",
		},
		Why:       "The webhooks on merchant applications; those of the payment gateway are made otherwise.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "subscription secret", Where: "the answer that made the subscription"},
		Freshness: verifiers.Freshness{Why: "There is no time outside the body."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "No event ID is documented. A body has the present status of an application.",
		},
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 200}}, // nothing else counts
		Retries: verifiers.Retries{
			Attempts: 21,
			Horizon:  72 * time.Hour,
		},
		Sources: verifiers.Sources{
			Retries: "https://docs.nmi.com/reference/retry-logic",
			Answers: "https://docs.nmi.com/reference/retry-logic",
		},
		Sample: verifiers.Sample{
			Body: `{"application_id":"{id}","status":"approved","updated_at":"{time}"}`,
		},
	}
}
