package providers

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(mailchannels) }

func mailchannels() verifiers.Provider {
	return verifiers.Provider{
		Name:  "mailchannels",
		Title: "MailChannels",
		Docs: []string{
			"https://docs.mailchannels.com/email-api/webhooks",
			"https://github.com/ttulttul/mailchannels-python-sdk/blob/main/src/mailchannels/webhooks/webhooks.py",
			"https://github.com/Yizack/mailchannels",
			"https://github.com/mailchannels/mailchannels-email-api-sdk-js/blob/main/.agents/skills/mailchannels-js/resources/webhooks.md",
		},
		Confirmed: true,
		Why: "The signature is an HTTP message signature (RFC 9421) over Content-Digest. MailChannels signs for all its customers, and nothing that is " +
			"signed says whose the events are but the customer_handle of each.",
		Scheme: mailchannelsScheme{},
		Secret: verifiers.SecretInfo{
			Name:     "public key",
			Where:    "the answer of /tx/v1/webhook/public-key?id={keyid}; without one it is fetched",
			Optional: true,
		},
		Options: []verifiers.Option{{
			Name: "customer_handle", What: "the customer handle of the account: requests with events of others are refused",
			Many: true, Example: "user123",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "MailChannels' Python library takes signatures for 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A body is a batch of events, each with the time and the recipient.",
		},
		Sample: verifiers.Sample{
			Body: `[{"email":"sender@example.com","customer_handle":"user123","timestamp":{unix},"event":"delivered","request_id":"{id}",` +
				`"smtp_id":"<{uuid}@example.com>","recipients":["person@example.com"]}]`,
		},
	}
}

// mailchannelsKey is where a key is by its ID.
const mailchannelsKey = "https://api.mailchannels.net/tx/v1/webhook/public-key?id="

// mailchannelsScheme is Ed25519 over a signature base that covers Content-Digest.
type mailchannelsScheme struct {
	verifiers.Facts

	source verifiers.KeySource
}

var (
	_ verifiers.Fetching = mailchannelsScheme{}
	_ verifiers.Signer   = mailchannelsScheme{}
	_ verifiers.Timed    = mailchannelsScheme{}
)

// Timed reports that requests have a time: that of the signature.
func (mailchannelsScheme) Timed() bool { return true }

// WithKeySource returns a copy of the scheme that fetches keys from source.
func (s mailchannelsScheme) WithKeySource(source verifiers.KeySource) verifiers.Scheme {
	s.source = source
	return s
}

type mailchannelsVerifier struct {
	keys    []ed25519.PublicKey // empty: they are fetched
	fetched *verifiers.Fetched[ed25519.PublicKey]
	handles []string // empty: anybody's
	facts   *verifiers.FactReader
}

// Verifier makes the scheme's verifier.
func (s mailchannelsScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	v := &mailchannelsVerifier{
		fetched: verifiers.NewFetched(s.source, readMailchannelsKey),
		handles: optionValues(s.Facts, "customer_handle"),
	}
	if len(secrets) > 0 {
		if _, err := verifiers.SecretKeys(secrets, func(text string) ([]byte, error) {
			key, err := ed25519Key(text)
			v.keys = append(v.keys, key)
			return nil, err
		}); err != nil {
			return nil, err
		}
	}
	var err error
	v.facts, err = s.Reader(verifiers.Covered{Body: true})
	return v, err
}

func ed25519Key(text string) (ed25519.PublicKey, error) {
	keys, err := verifiers.PublicKeys(withoutArmour(text))
	if err != nil {
		return nil, err
	}
	key, ok := keys[0].(ed25519.PublicKey)
	if !ok || len(keys) > 1 {
		return nil, errors.New("it is not one Ed25519 key")
	}
	return key, nil
}

func readMailchannelsKey(document []byte) (ed25519.PublicKey, error) {
	var answer struct{ Key string }
	if err := json.Unmarshal(document, &answer); err != nil {
		return nil, errors.New("it is not JSON")
	}
	return ed25519Key(answer.Key)
}

// Verify checks a request.
func (v *mailchannelsVerifier) Verify(ctx context.Context, r *verifiers.Request) (verifiers.Event, error) {
	all, err := messageSignatures(r)
	if err != nil {
		return verifiers.Event{}, err
	}
	if err := checkDigest(r); err != nil {
		return verifiers.Event{}, err
	}
	for _, m := range all {
		if !slices.Contains(m.covered, "content-digest") || m.created == 0 || m.algorithm != "" && m.algorithm != "ed25519" {
			return verifiers.Event{}, verifiers.Refuse(verifiers.MalformedSignature,
				"it is not an Ed25519 signature that covers Content-Digest and says when it was made")
		}
		keys := v.keys
		if len(keys) == 0 {
			key, err := v.fetch(ctx, m.keyID)
			if err != nil {
				return verifiers.Event{}, err
			}
			keys = []ed25519.PublicKey{key}
		}
		if slices.ContainsFunc(keys, func(key ed25519.PublicKey) bool { return ed25519.Verify(key, []byte(m.base), m.signature) }) {
			return v.event(r, m)
		}
	}
	return verifiers.Event{}, wrongSignature()
}

func (v *mailchannelsVerifier) fetch(ctx context.Context, id string) (ed25519.PublicKey, error) {
	if !pinned(id, []string{`[A-Za-z0-9_-]{1,64}`}) {
		return nil, errForeignKey()
	}
	key, _, err := v.fetched.Get(ctx, verifiers.KeyRequest{URL: mailchannelsKey + id})
	return key, err
}

// event returns the facts of the batch that are in the signature. It refuses a
// batch of which any part is not the endpoint's.
func (v *mailchannelsVerifier) event(r *verifiers.Request, m messageSignature) (verifiers.Event, error) {
	ev := verifiers.Event{Content: r.Body, Timestamp: time.Unix(m.created, 0)}
	if m.expires > 0 {
		ev.Expires = time.Unix(m.expires, 0)
	}
	if len(v.handles) > 0 {
		var batch []struct {
			Handle string `json:"customer_handle"`
		}
		if !verifiers.ValidJSON(r.Body) || json.Unmarshal(r.Body, &batch) != nil || len(batch) == 0 {
			return verifiers.Event{}, verifiers.Refuse(verifiers.MalformedBody, "it is not a batch of events")
		}
		for _, event := range batch {
			if !slices.Contains(v.handles, event.Handle) {
				return verifiers.Event{}, verifiers.Refuse(verifiers.WrongAudience, "an event is not of this endpoint's customer_handle")
			}
		}
	}
	ev, err := told(v.facts, r, ev)
	ev.Signed.Timestamp = err == nil
	return ev, err
}

// Sign adds the digest and the signature, with a private Ed25519 key. Such a request
// is for an endpoint that has the public key as its secret.
func (s mailchannelsScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	key, err := privateKey(secret)
	if err != nil {
		return err
	}
	signer, ok := key.(ed25519.PrivateKey)
	if !ok {
		return errors.New("signing takes an Ed25519 key")
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	sum := sha256.Sum256(r.Body)
	label := fmt.Sprintf("sig_%d", now.Unix())
	input := fmt.Sprintf(`%s=("content-digest");created=%d;alg="ed25519";keyid="mckey"`, label, now.Unix())
	for name, value := range map[string]string{
		"Content-Digest": "sha-256=:" + toBase64(sum[:]) + ":", "Signature-Input": input, "Signature": label + "=::",
	} {
		if err := verifiers.Put(r, "header", name, value); err != nil {
			return err
		}
	}
	all, err := messageSignatures(r)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "Signature", label+"=:"+toBase64(ed25519.Sign(signer, []byte(all[0].base)))+":")
}
