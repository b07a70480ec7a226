package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(genericJWT) }

// genericJWT is for senders that are not in the catalogue and send a JSON web
// token.
func genericJWT() verifiers.Provider {
	return verifiers.Provider{
		Name:  "jwt",
		Title: "Any sender with a JSON web token",
		Why: "Where the token stands and what it may be signed with has to be said. Name the claim with the body's hash " +
			"if there is one: without it, whoever saw a token can send another body with it until it expires.",
		Scheme:    verifiers.JWT{},
		Secret:    verifiers.SecretInfo{Name: "secret or public key", Where: "the sender's settings of the webhook"},
		Freshness: verifiers.Freshness{Why: "The token's own life is enforced where it has one; give a tolerance if its time of issue is all there is."},
		Dedupe:    verifiers.Dedupe{By: verifiers.ByID, Window: blankWindow, Why: blankWhy},
		Sample:    blankSample,
	}
}
