package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(mollie) }

// Compared in November 2026: @mollie/api-client 4.6.0 is the newest and judges this row.
func mollie() verifiers.Provider {
	return verifiers.Provider{
		Name:  "mollie",
		Title: "Mollie",
		Docs: []string{
			"https://docs.mollie.com/reference/webhooks-new",
			"https://github.com/mollie/mollie-api-php/blob/master/src/Webhooks/SignatureValidator.php",
		},
		Why: "The header may be there several times while secrets are rotated; any may match. " +
			"A request without it is a classic webhook: see mollie-classic.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:          []string{"X-Mollie-Signature"},
				Prefix:         "sha256=",
				OptionalPrefix: true,
				Repeated:       true,
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "shown when the webhook is created"},
		Freshness: verifiers.Freshness{Why: "The body's createdAt is the event's own time, which a retry does not renew."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID (event_…) stands in the signed body.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "event_",
			Body:     `{"resource":"event","id":"{id}","type":"payment-link.paid","entityId":"pl_1001","createdAt":"{time}"}`,
		},
	}
}

func init() { register(mollieClassic) }

func mollieClassic() verifiers.Provider {
	return verifiers.Provider{
		Name:  "mollie-classic",
		Title: "Mollie (classic)",
		Docs:  []string{"https://docs.mollie.com/reference/webhooks"},
		Why: "Classic webhooks sign nothing and have only the ID of the changed object. The secret stands in the webhookUrl of the payment, " +
			"as ?token=…; ask Mollie's API for the new state.",
		Confirmed: true,
		Scheme:    verifiers.Token{From: "query", Names: []string{"token"}},
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "your own choice; append ?token=… to the webhookUrl of each payment"},
		Freshness: verifiers.Freshness{Why: "The body has no time."},
		Dedupe: verifiers.Dedupe{
			By:  verifiers.ByNothing,
			Why: "Every change of one payment has the same body.",
		},
		Retries: verifiers.Retries{Deadline: 15 * time.Second, Attempts: 10, Horizon: 26 * time.Hour},
		Sources: verifiers.Sources{
			Retries:  "mollie/api-documentation, source/overview/webhooks.rst",
			Deadline: "mollie/api-documentation, source/overview/webhooks.rst",
			Answers:  "mollie/api-documentation, source/overview/webhooks.rst",
		},
		Sample: verifiers.Sample{Type: "application/x-www-form-urlencoded", Body: "id=tr_7UhSN1zuXS"},
	}
}
