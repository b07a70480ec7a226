package providers

import (
	"net/http"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(birdJWT) }

func birdJWT() verifiers.Provider {
	return verifiers.Provider{
		Name:  "bird-jwt",
		Title: "Bird (MessageBird)",
		Docs: []string{
			"https://developers.messagebird.com/api/#verifying-http-requests",
			"https://github.com/messagebird/go-rest-api/tree/v9.0.0/signature_jwt",
		},
		Why: "The token binds the whole URL, so set public_url behind a proxy, and the body where there is one. " +
			"The signing key is not the API key.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			Names:      []string{"MessageBird-Signature-JWT"},
			Algorithms: []string{"HS256", "HS384", "HS512"},
			BodyHash:   verifiers.ClaimHash{Claim: "payload_hash", Optional: true},
			URLHash:    verifiers.ClaimHash{Claim: "url_hash"},
			Facts: verifiers.Facts{
				EventID:   []string{"{query:id}:{query:status}:{query:statusDatetime}"},
				EventType: []string{"{query:status}"},
				Require: []verifiers.Condition{
					{Of: "{claim:iss}", Is: []string{"MessageBird"}},
					{Of: "{claim:jti}"},
					{Of: "{claim:exp}"},
				},
			},
		},
		Secret:  verifiers.SecretInfo{Name: "signing key", Where: "Dashboard > Developers > API settings"},
		Methods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		Freshness: verifiers.Freshness{
			Why: "A token lives for a minute, and is made anew for each attempt. MessageBird's library forgives a second of difference between clocks; here it is a minute.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The token's ID is the attempt's. A status report is a GET whose signed query has the message, its status and the time. " +
				"Of other requests a flow's author may have chosen the body, so that two events can look alike.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"message.created","contact":{"id":"a621095f-a44d-4d9f-8f8f-1a2b3c4d5e6f"},` +
				`"message":{"id":"{id}","status":"received","createdDatetime":"{time}"}}`,
		},
	}
}
