package providers

import "github.com/hookwicket/hookwicket/verifiers"

// blankWindow outlasts the retries of nearly every provider in the catalogue, and
// withinWeek.
const blankWindow = pastWeek

const blankWhy = "Only the endpoint's own lines count: without event_id nothing is deduplicated, " +
	"unless `replays refuse` says that no two events have the same body."

func init() { register(genericHMAC) }

// genericHMAC is for senders that are not in the catalogue: the endpoint says
// where the signature stands, and whatever else differs from the usual.
func genericHMAC() verifiers.Provider {
	return verifiers.Provider{
		Name:  "hmac",
		Title: "Any sender with an HMAC",
		Why:   "SHA-256 in hex over the body, until the endpoint says otherwise. Where the signature stands has to be said.",
		Scheme: verifiers.HMAC{
			Content: "{body}",
		},
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the sender's settings of the webhook"},
		Freshness: blankFreshness,
		Dedupe:    blankDedupe,
		Sample:    blankSample,
	}
}

func init() { register(genericToken) }

// genericToken is for senders that are not in the catalogue and send a secret.
func genericToken() verifiers.Provider {
	return verifiers.Provider{
		Name:      "token",
		Title:     "Any sender with a static token",
		Why:       "Which header (or other place) holds the token has to be said.",
		Scheme:    verifiers.Token{},
		Secret:    verifiers.SecretInfo{Name: "token", Where: "the sender's settings of the webhook; for basic, user:password"},
		Freshness: vouchedFreshness("Senders that do not sign rarely say when they sent. A timestamp that is configured is enforced."),
		Dedupe:    blankDedupe,
		Sample:    blankSample,
	}
}

// blankFreshness is the freshness of schemes whose signed content the endpoint
// configures.
var blankFreshness = verifiers.Freshness{
	Origin:    verifiers.AttemptTime,
	Tolerance: perAttempt,
	Why: "Enforced once a timestamp is configured and signed. Where it is the event's own time, " +
		"give a tolerance that outlasts the sender's retries.",
}

// vouchedFreshness is that of schemes where a token vouches for a request. A time
// that is configured may well be the event's own.
func vouchedFreshness(why string) verifiers.Freshness {
	return verifiers.Freshness{Origin: verifiers.EventTime, Tolerance: withinWeek, Optional: true, Why: why}
}

var blankDedupe = verifiers.Dedupe{By: verifiers.ByID, Window: blankWindow, Why: blankWhy}

var blankSample = verifiers.Sample{
	IDPrefix: "evt_",
	Body:     `{"id":"{id}","type":"test","timestamp":"{time}"}`,
}

func init() {
	for _, algorithm := range []string{"ed25519", "ecdsa", "rsa"} {
		register(func() verifiers.Provider { return genericKey(algorithm) })
	}
}

// genericKey is for senders that are not in the catalogue and sign with a private
// key.
func genericKey(algorithm string) verifiers.Provider {
	title := map[string]string{"ed25519": "Ed25519", "ecdsa": "ECDSA", "rsa": "RSA (PKCS #1 v1.5)"}[algorithm]
	scheme := verifiers.PublicKey{Algorithm: algorithm, Content: "{body}"}
	if algorithm != "ed25519" {
		scheme.Signature.Encoding = "base64"
	}
	return verifiers.Provider{
		Name:      algorithm,
		Title:     "Any sender that signs with " + title,
		Why:       "The body is signed, unless the endpoint says otherwise. The endpoint has to give the place of the signature.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "public key", Where: "wherever the sender publishes it"},
		Freshness: blankFreshness,
		Dedupe:    blankDedupe,
		Sample:    blankSample,
	}
}

func init() { register(genericJWT) }

// genericJWT is for senders that are not in the catalogue and send a JSON web
// token.
func genericJWT() verifiers.Provider {
	return verifiers.Provider{
		Name:  "jwt",
		Title: "Any sender with a JSON web token",
		Why: "The endpoint has to give the place of the token and its algorithms. Name the claim with the body's hash " +
			"if there is one. Without it, anybody who saw a token can send another body with it until it expires.",
		Scheme:    verifiers.JWT{},
		Secret:    verifiers.SecretInfo{Name: "secret or public key", Where: "the sender's settings of the webhook"},
		Freshness: vouchedFreshness("The token's own life is enforced where it has one, and a timestamp that is configured and signed."),
		Dedupe:    blankDedupe,
		Sample:    blankSample,
	}
}
