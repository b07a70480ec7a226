package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(fitbit) }

func fitbit() verifiers.Provider {
	return verifiers.Provider{
		Name:  "fitbit",
		Title: "Fitbit",
		Docs:  []string{"https://dev.fitbit.com/build/reference/web-api/developer-guide/using-subscriptions/"},
		Why: "The key is the client secret with an ampersand behind it, as OAuth 1 had it, and the hash is SHA-1: there is nothing else. " +
			"Google turned the API off on 2 November 2026.",
		Scheme: verifiers.HMAC{
			Hash: "sha1",
			Signature: verifiers.Signature{
				Names:    []string{"X-Fitbit-Signature"},
				Encoding: "base64",
			},
			Secret:  verifiers.SecretFormat{Suffix: "&"},
			Content: "{body}",
		},
		Secret: verifiers.SecretInfo{Name: "client secret", Where: "dev.fitbit.com > Manage > the app"},
		Options: []verifiers.Option{{
			Name:   "verification_code",
			What:   "the verification code of the subscriber, in the settings of the app; without it the subscriber cannot be verified",
			Secret: true,
		}},
		Handshakes: []verifiers.Handshake{{
			Name:   "verification",
			Method: "GET",
			When:   []verifiers.Condition{{Of: "{query:verify}"}},
			// Fitbit sends a wrong code as well, and wants to see 404.
			Guard:  []verifiers.Condition{{Of: "{query:verify}", Is: []string{"{option:verification_code}"}}},
			Denied: 404,
			Status: 204,
		}},
		Freshness: verifiers.Freshness{Why: "A notification has a day, not a time."},
		Dedupe: verifiers.Dedupe{
			By:  verifiers.ByNothing,
			Why: "A notification says whose data of which day changed: two changes on one day look alike.",
		},
		Sample: verifiers.Sample{
			Body: `[{"collectionType":"activities","date":"2026-03-01","ownerId":"228S74","ownerType":"user","subscriptionId":"1234"}]`,
		},
	}
}
