package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(chargify) }

func chargify() verifiers.Provider {
	scheme := overBody("hex", "X-Chargify-Webhook-Signature-Hmac-Sha-256")
	scheme.EventID = []string{"{form:id}"}
	scheme.EventType = []string{"{form:event}"}
	return verifiers.Provider{
		Name:  "chargify",
		Title: "Maxio Advanced Billing (Chargify)",
		Docs: []string{
			"https://github.com/maxio-com/stoplight-platform-developer-docs/blob/main/docs/basics/Sync.md",
			"https://gist.github.com/mediocretes/511f49ce2febaf245df1",
		},
		Confirmed: true,
		Why:       "The body is a form, and its bytes are signed as they stand. The older signature in the query is ignored.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "shared key", Where: "the site's settings, where webhooks are turned on"},
		Freshness: verifiers.Freshness{Why: "There is no time outside the body."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "The form has the webhook's ID, so no two events have the same body.",
		},
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 200}}, // nothing else counts
		Retries: verifiers.Retries{Deadline: 15 * time.Second},
		Sources: verifiers.Sources{
			Deadline: "https://github.com/maxio-com/stoplight-platform-developer-docs/blob/main/docs/basics/Sync.md",
			Answers:  "https://github.com/maxio-com/stoplight-platform-developer-docs/blob/main/docs/basics/Sync.md",
		},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: `id={id}&event=payment_success&payload[site][id]=1001&payload[site][subdomain]=example&payload[transaction][id]=2002`,
		},
	}
}
