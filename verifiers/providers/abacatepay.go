package providers

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(abacatepay) }

// abacatepayKey is the key that AbacatePay publishes. It is the same for everybody:
// https://docs.abacatepay.com/pages/notificacoes/seguranca
const abacatepayKey = "t9dXRhHHo3yDEj5pVDYz0frf7q6bMKyMRmxxCPIPp3RCplBfXRxqlC6ZpiWmOqj4L63qEaeUOtrCI8P0VMUgo6iIga2ri9og" +
	"aHFs0WIIywSMg0q7RmBfybe1E5XJcfC4IW3alNqym0tXoAKkzvfEjZxV6bE0oG2zJrNNYmUCKZyV0KZ3JS8Votf9EAWWYdiDkMkpbMdPggfh1EqHlVkM" +
	"iTady6jOR3hyzGEHrIz2Ret0xHKMbiqkr9HS1JhNHDX9"

func abacatepay() verifiers.Provider {
	return verifiers.Provider{
		Name:  "abacatepay",
		Title: "AbacatePay",
		Docs: []string{
			"https://docs.abacatepay.com/pages/notificacoes/seguranca",
			"https://docs.abacatepay.com/pages/notificacoes/webhooks",
		},
		Why: "There are two proofs and both are checked. The secret, in the URL and in a header, identifies the sender. The signature is made " +
			"with a key that AbacatePay publishes, so that by itself it proves nothing about the sender. A 401 is not tried again.",
		Confirmed: true,
		Scheme: abacatepayScheme{
			Key:   abacatepayKey,
			Facts: verifiers.Facts{EventType: []string{"{json:event}"}},
		},
		Secret: verifiers.SecretInfo{
			Name:  "secret",
			Where: "chosen when the webhook is created in the dashboard",
		},
		Freshness: verifiers.Freshness{
			Why: "There is no time that is documented.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "The body is signed and has the payment with its state.",
		},
		Confidential: []verifiers.Place{{From: "query", Name: abacatepayQuery}},
		Sample: verifiers.Sample{
			Body: `{"event":"checkout.completed","apiVersion":2,"devMode":true,"data":{"id":"bill_{unix}","amount":10000,"status":"PAID"}}`,
		},
	}
}

// abacatepayScheme sends the secret, and signs the body with a public key.
type abacatepayScheme struct {
	Key string `json:"key,omitempty"` // the key of the body's signature
	verifiers.Facts
}

var (
	_ verifiers.Scheme = abacatepayScheme{}
	_ verifiers.Signer = abacatepayScheme{}
)

const (
	abacatepayHeader = "X-Webhook-Secret"
	abacatepayQuery  = "webhookSecret"
)

// Verifier makes the scheme's verifier.
func (s abacatepayScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{Body: true})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		sent, err := abacatepaySecrets(r)
		if err != nil {
			return verifiers.Event{}, err
		}
		for _, secret := range sent {
			if !isOneOf(secret, keys) {
				return verifiers.Event{}, verifiers.Refuse(verifiers.WrongSignature, "it is none of the secrets")
			}
		}
		signature, err := inHeader(r, "X-Webhook-Signature", "base64")
		if err != nil {
			return verifiers.Event{}, err
		}
		if !signedBy(sha256.New, [][]byte{[]byte(s.Key)}, signature, string(r.Body)) {
			return verifiers.Event{}, verifiers.Refuse(verifiers.WrongSignature, "the body is not the one that was signed")
		}
		return told(facts, r, verifiers.Event{Content: r.Body})
	}), nil
}

// abacatepaySecrets returns the values in the places of the secret, of which at
// least one must be there.
func abacatepaySecrets(r *verifiers.Request) (sent []string, err error) {
	if len(r.Header[abacatepayHeader]) > 0 {
		secret, err := verifiers.HeaderOf(r, abacatepayHeader)
		if err != nil {
			return nil, err
		}
		sent = append(sent, secret)
	}
	query, err := verifiers.QueryOf(r.URL)
	if err != nil {
		return nil, err
	}
	for _, p := range query {
		if p.Name == abacatepayQuery {
			sent = append(sent, p.Value)
		}
	}
	if len(sent) == 0 {
		return nil, verifiers.Refuse(verifiers.MissingSignature, "no header %s and no %s in the URL", abacatepayHeader, abacatepayQuery)
	}
	return sent, nil
}

// isOneOf compares digests, so that not even the length of a secret shows in the
// time it takes.
func isOneOf(sent string, secrets [][]byte) bool {
	sum, equal := sha256.Sum256([]byte(sent)), 0
	for _, secret := range secrets {
		want := sha256.Sum256(secret)
		equal |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	return equal == 1
}

// Sign adds the secret in both places, and the signature.
func (s abacatepayScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	if _, err := verifiers.SecretKeys([]string{secret}, asText); err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	if err := verifiers.Put(r, "header", abacatepayHeader, secret); err != nil {
		return err
	}
	if err := verifiers.Put(r, "query", abacatepayQuery, secret); err != nil {
		return err
	}
	return verifiers.Put(r, "header", "X-Webhook-Signature", toBase64(sumOf(sha256.New, []byte(s.Key), string(r.Body))))
}
