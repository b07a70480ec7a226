package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(fusionauth) }

func fusionauth() verifiers.Provider {
	return verifiers.Provider{
		Name:  "fusionauth",
		Title: "FusionAuth",
		Docs: []string{
			"https://fusionauth.io/docs/extend/events-and-webhooks/signing",
			"https://fusionauth.io/docs/extend/events-and-webhooks/events/",
		},
		Why: "The claim request_body_sha256 is the body's hash in base64. The key is one of Key Master's, of any kind. " +
			"Paste the secret or the public key, or name the instance's key set, which is then fetched.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			Names:      []string{"X-FusionAuth-Signature-JWT"},
			Algorithms: []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"},
			BodyHash:   verifiers.ClaimHash{Claim: "request_body_sha256", Encoding: "base64"},
			Keys:       verifiers.Keys{URL: "{option:jwks_url}"},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:event.createInstant}", Format: "unix_ms"},
				EventID:   []string{"{json:event.id}"},
				EventType: []string{"{json:event.type}"},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:     "signing key",
			Where:    "Settings > Key Master, the key that the webhook's Security tab names; none if jwks_url is given",
			Optional: true,
		},
		Options: []verifiers.Option{{
			Name: "jwks_url", What: "the instance's key set, for keys of the kinds RSA, EC and Ed25519",
			Pattern: `https://.+`, Example: "https://auth.example.com/.well-known/jwks.json",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's, and a person can have an event sent again later: for a week.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The event's ID stands in the body, whose hash is signed.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":{"createInstant":{unix}000,"id":"{id}","info":{"ipAddress":"203.0.113.5"},"tenantId":"e872a880-b14f-6d62-c312-cb40f22af465",` +
				`"type":"user.create","user":{"active":true,"email":"user@example.com","id":"00000000-0000-0001-0000-000000000000"}}}`,
		},
	}
}
