package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(mailchimpSigned) }

const mailchimpWebhooks = "https://github.com/mailchimp/fern-marketing-api-docs/blob/main/fern/docs/pages/api-concepts/webhooks.mdx"

func mailchimpSigned() verifiers.Provider {
	scheme := timedList("X-Mailchimp-Signature", "t", "v1")
	scheme.EventType = []string{"{form:type}"}
	p := mailchimp()
	p.Name, p.Title = "mailchimp-signed", "Mailchimp Marketing (signed)"
	p.Docs = []string{
		mailchimpWebhooks,
		"https://github.com/mailchimp/fern-marketing-api-docs/blob/main/fern/.well-known/agent-skills/subscribe-to-webhooks/SKILL.md",
	}
	p.Confirmed = true
	p.Why = "Mailchimp began to sign in 2026. A webhook that is older has no signing_secret; for it there is mailchimp."
	p.Scheme = scheme
	p.Secret = verifiers.SecretInfo{Name: "signing secret", Where: "shown once, when the webhook is made, or signing_secret in the answer of the API"}
	p.Handshakes = []verifiers.Handshake{{Name: "url_check", Method: "GET"}}
	p.Freshness = verifiers.Freshness{
		Origin:    verifiers.AttemptTime,
		Tolerance: perAttempt,
		Why:       "Mailchimp says to refuse what is more than 5 minutes old, and tries again for 75 minutes. So each attempt is signed anew.",
	}
	p.Dedupe = verifiers.Dedupe{
		By:           verifiers.ByDigest,
		Window:       week,
		UniqueBodies: true,
		Why:          "An event has no ID, but its body names the time, the list and the member.",
	}
	return p
}
