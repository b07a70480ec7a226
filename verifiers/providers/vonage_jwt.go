package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(vonageJWT) }

// Compared in November 2026: @vonage/jwt 1.17.1 is the newest. Its code is that of
// 1.14.0, which judges this row.
func vonageJWT() verifiers.Provider {
	return verifiers.Provider{
		Name:  "vonage-jwt",
		Title: "Vonage (signed webhooks)",
		Docs: []string{
			"https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks",
			"https://github.com/Vonage/vonage-node-sdk/tree/3.x/packages/jwt",
		},
		Why: "Vonage's own library stops at the token; here the body has to have the hash that the token claims. " +
			"For a GET that hash is of the query rewritten as JSON, so have webhooks sent as POST. " +
			"The older signatures in a parameter sig are another row.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			From:       "bearer",
			Algorithms: []string{"HS256"},
			KeyID:      "{claim:api_key}",
			BodyHash:   verifiers.ClaimHash{Claim: "payload_hash"},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{claim:iat}"},
				Addressee: []verifiers.Condition{{Of: "{claim:application_id}", Is: []string{"{option:application_id}"}}},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signature secret", Where: "Vonage dashboard > Settings > API settings"},
		Options: []verifiers.Option{
			{
				Name: "key", What: "the API key that each secret belongs to, as the dashboard shows it",
				Paired: true, Example: "abcd1234",
			},
			{
				Name: "application_id", What: "the application whose events are meant, where several share a secret",
				Many: true, Example: "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
			},
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why: "The token says when it was issued and has no end. Whether a retry renews it is not documented. " +
				"A week outlasts any schedule of retries that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "A message has one ID and many states. The body has the ID, the state and the time.",
		},
		Sample: verifiers.Sample{
			Body: `{"message_uuid":"{uuid}","to":"447700900000","from":"447700900001","timestamp":"{time}",` +
				`"status":"delivered","channel":"sms","client_ref":"{id}"}`,
		},
	}
}
