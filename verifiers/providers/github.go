package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(github) }

// Compared in November 2026: GitHub's documents still name SHA-256 as the newest
// signature, and @octokit/webhooks-methods 6.0.0, the newest, judges this row.
func github() verifiers.Provider {
	return verifiers.Provider{
		Name:  "github",
		Title: "GitHub",
		Docs: []string{
			"https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
			"https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks",
			"https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries",
			"https://github.com/github/docs/issues/32822", // the delivery's ID is unique per event
		},
		Why: "X-Hub-Signature, which is SHA-1, is ignored. A webhook of the form kind signs the form as it stands.",

		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:  []string{"X-Hub-Signature-256"},
				Prefix: "sha256=",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{header:X-GitHub-Delivery}"},
				EventType: []string{"{header:X-GitHub-Event}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "Settings > Webhooks > the webhook > Secret, where you chose it"},
		Freshness: verifiers.Freshness{Why: "GitHub sends no time."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The delivery's ID is outside the signature, so it counts together with the body. A redelivery bears the same ID. " +
				"Distinct events can be byte for byte the same: a star that is taken back and given again, a ping, a repository_dispatch. " +
				"So a known body under another ID need not be a replay.",
		},
		Retries: verifiers.Retries{ // nothing by itself; a person or a script may redeliver for 3 days
			Deadline: 10 * time.Second,
			Attempts: 1,
		},
		MaxBody: 26 << 20, // GitHub sends at most 25 MB
		Largest: 25 << 20,
		Sources: verifiers.Sources{
			Retries:  "github/docs, content/webhooks/using-webhooks/handling-failed-webhook-deliveries.md",
			Deadline: "github/docs, content/webhooks/using-webhooks/best-practices-for-using-webhooks.md",
			Answers:  "github/docs, content/webhooks/using-webhooks/best-practices-for-using-webhooks.md",
			Repeats:  "github/docs, content/webhooks/using-webhooks/best-practices-for-using-webhooks.md",
			Largest:  "github/docs, data/reusables/webhooks/payload_cap.md",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{
				"User-Agent":                             "GitHub-Hookshot/5e4f0a1",
				"X-GitHub-Event":                         "push",
				"X-GitHub-Hook-ID":                       "292430182",
				"X-GitHub-Hook-Installation-Target-ID":   "79929171",
				"X-GitHub-Hook-Installation-Target-Type": "repository",
			},
			Body: `{"ref":"refs/heads/main","before":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","after":"59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5",` +
				`"repository":{"id":186853002,"full_name":"octo-org/octo-repo"},"pusher":{"name":"octocat"},"head_commit":{"timestamp":"{time}"}}`,
		},
	}
}
