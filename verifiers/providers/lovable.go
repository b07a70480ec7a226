package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(lovable) }

func lovable() verifiers.Provider {
	return verifiers.Provider{
		Name:      "lovable",
		Title:     "Lovable",
		Docs:      []string{"https://www.npmjs.com/package/@lovable.dev/webhooks-js"},
		Why:       "The secret is the API key that Lovable gives to an app. The time is signed as it is spelled.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Lovable-Signature"}, Prefix: "sha256="},
			Content:   "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Lovable-Timestamp}", Format: "unix_auto"},
				EventID:   []string{timeAndBody},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "LOVABLE_API_KEY", Where: "the environment of the app's functions"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Lovable's library allows 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    timeAndBodyWhy,
		},
		Sample: verifiers.Sample{
			Body: `{"version":"1","type":"email","run_id":"{uuid}","data":{"action_type":"signup","email":"ada@example.com",` +
				`"url":"https://app.example.com/confirm"}}`,
		},
	}
}
