package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(upstashQStash) }

func upstashQStash() verifiers.Provider {
	return verifiers.Provider{
		Name:  "upstash-qstash",
		Title: "Upstash QStash",
		Docs: []string{
			"https://upstash.com/docs/qstash/howto/signature",
			"https://upstash.com/docs/qstash/features/security",
			"https://upstash.com/docs/qstash/howto/receiving",
		},
		Why: "The token's claim body is the body's hash, and sub is the URL that the message was published to. One pair of keys signs for all " +
			"of an account's destinations. Give both, the current and the next, so that a rotation loses nothing.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			Names:      []string{"Upstash-Signature"},
			Algorithms: []string{"HS256"},
			BodyHash:   verifiers.ClaimHash{Claim: "body", Encoding: "base64url"},
			Facts: verifiers.Facts{
				EventID:   []string{"{header:Upstash-Message-Id}"},
				Addressee: []verifiers.Condition{{Of: "{claim:sub}", Is: []string{"{option:destination}"}}},
				Require: []verifiers.Condition{
					{Of: "{claim:iss}", Is: []string{"Upstash"}},
					{Of: "{claim:exp}"},
				},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing key", Where: "the Upstash console, QStash > Signing keys: current and next"},
		Options: []verifiers.Option{{
			Name: "destination", What: "the URL that messages are published to: this endpoint's",
			Many: true, Example: "https://hooks.example.com/qstash",
		}},
		Freshness: verifiers.Freshness{Why: "The token lives for five minutes, which is enforced."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The message's ID is the same on each attempt. It is outside the signature, so it counts together with the body, which the " +
				"publisher wrote.",
		},
		AttemptID: "Upstash-Retried",
		Sources: verifiers.Sources{
			Answers: "upstash/docs, qstash/features/retry.mdx",
			Repeats: "upstash/docs, qstash/features/at-least-once.mdx",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"Upstash-Message-Id": "{id}", "Upstash-Retried": "0"},
			Body:   `{"task":"send-welcome-email","user":"user-1001","at":"{time}"}`,
		},
	}
}
