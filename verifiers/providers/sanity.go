package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(sanity) }

// Compared in November 2026: @sanity/webhook 4.0.4 is the newest and judges this row.
func sanity() verifiers.Provider {
	return verifiers.Provider{
		Name:  "sanity",
		Title: "Sanity",
		Docs: []string{
			"https://www.sanity.io/docs/webhooks",
			"https://github.com/sanity-io/webhook-toolkit",
		},
		Why:       "The signature is base64url without padding, and its time is in milliseconds.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"sanity-webhook-signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"v1"},
				Encoding:  "base64url",
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:t}", Format: "unix_ms"},
				EventID:   []string{"{header:Idempotency-Key}"},
				EventType: []string{"{header:Sanity-Operation}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "the settings of the webhook at sanity.io/manage; you chose it there"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       "Whether a retry renews the time is not documented. A week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why: "The idempotency key is outside the signature, so it counts together with the body. " +
				"The webhook's configuration decides the content of a body: two events may look alike.",
		},
		Retries: verifiers.Retries{Attempts: 3, Horizon: time.Minute},
		Sources: verifiers.Sources{
			Retries: "https://www.sanity.io/docs/changelog/50ec6abf-fe0c-475b-ae72-314148860132.md",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"Sanity-Operation": "update", "Sanity-Dataset": "production"},
			Body:   `{"_id":"article-1001","_type":"article","_rev":"{uuid}","title":"Spring","_updatedAt":"{time}"}`,
		},
	}
}
