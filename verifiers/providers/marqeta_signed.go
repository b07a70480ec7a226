package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(marqetaSigned) }

// marqetaSigned is Marqeta's webhooks that are signed besides.
func marqetaSigned() verifiers.Provider {
	scheme := overBody("hex", "X-Marqeta-Signature")
	scheme.EventType = []string{"{json:transactions.0.type}", "{json:cardtransitions.0.type}"}
	p := marqeta()
	p.Name, p.Title = "marqeta-signed", "Marqeta (signed)"
	p.Why = "A webhook's signature_algorithm is HMAC_SHA_256 or HMAC_SHA_1; for the latter write `hash sha1`. The basic " +
		"authentication that comes along is not looked at: the signature says more. A request brings a list of events; its " +
		"type is that of the first."
	p.Scheme = scheme
	p.Secret = verifiers.SecretInfo{Name: "secret", Where: "the secret of the webhook's configuration"}
	return p
}
