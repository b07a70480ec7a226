package providers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

// ebayScheme is ECDSA over the body, with the key's ID and the signature together
// in one header.
type ebayScheme struct {
	verifiers.Facts

	source verifiers.KeySource
}

var (
	_ verifiers.Fetching = ebayScheme{}
	_ verifiers.Signer   = ebayScheme{}
)

// WithKeySource returns a copy of the scheme that fetches keys from source.
func (s ebayScheme) WithKeySource(source verifiers.KeySource) verifiers.Scheme {
	s.source = source
	return s
}

// ebayKey is a key and the hash that it signs.
type ebayKey struct {
	*ecdsa.PublicKey
	hash crypto.Hash
}

type ebayVerifier struct {
	keys   []ebayKey // empty: they are fetched
	api    string
	basic  string
	tokens *verifiers.Fetched[string]
	found  *verifiers.Fetched[ebayKey]
	facts  *verifiers.FactReader
}

// Verifier makes the scheme's verifier.
func (s ebayScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	id, secret := s.Options["client_id"], s.Options["client_secret"]
	v := &ebayVerifier{
		api:    "https://api.ebay.com",
		basic:  "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret)),
		tokens: verifiers.NewFetched(s.source, readEbayToken),
		found:  verifiers.NewFetched(s.source, readEbayKey),
	}
	if s.Options["environment"] == "sandbox" {
		v.api = "https://api.sandbox.ebay.com"
	}
	if len(secrets) == 0 && (id == "" || secret == "") {
		return nil, errors.New("no client_id or no client_secret, without which eBay hands out no keys")
	}
	if len(secrets) > 0 {
		if _, err := verifiers.SecretKeys(secrets, func(text string) ([]byte, error) {
			key, err := ecdsaKey(text)
			v.keys = append(v.keys, ebayKey{key, crypto.SHA1})
			return nil, err
		}); err != nil {
			return nil, err
		}
	}
	var err error
	v.facts, err = s.Reader(verifiers.Covered{Body: true})
	return v, err
}

// ecdsaKey reads one public key, with PEM's lines around it or without.
func ecdsaKey(text string) (*ecdsa.PublicKey, error) {
	keys, err := verifiers.PublicKeys(withoutArmour(text))
	if err != nil {
		return nil, err
	}
	key, ok := keys[0].(*ecdsa.PublicKey)
	if !ok || len(keys) > 1 {
		return nil, errors.New("it is not one ECDSA key")
	}
	return key, nil
}

// Verify checks a request.
func (v *ebayVerifier) Verify(ctx context.Context, r *verifiers.Request) (verifiers.Event, error) {
	id, signature, err := ebaySignature(r)
	if err != nil {
		return verifiers.Event{}, err
	}
	keys := v.keys
	if len(keys) == 0 {
		key, err := v.fetch(ctx, id)
		if err != nil {
			return verifiers.Event{}, err
		}
		keys = []ebayKey{key}
	}
	for _, key := range keys {
		sum := key.hash.New()
		sum.Write(r.Body)
		if ecdsa.VerifyASN1(key.PublicKey, sum.Sum(nil), signature) {
			return told(v.facts, r, verifiers.Event{Content: r.Body})
		}
	}
	return verifiers.Event{}, wrongSignature()
}

// ebaySignature parses the header. Its algorithm is ignored: the key's own document
// names it.
func ebaySignature(r *verifiers.Request) (id string, signature []byte, err error) {
	document, err := inHeader(r, "X-Ebay-Signature", "base64")
	if err != nil {
		return "", nil, err
	}
	if !verifiers.ValidJSON(document) {
		return "", nil, verifiers.Refuse(verifiers.MalformedSignature, "it is not JSON in base64")
	}
	found, err := members(gjson.ParseBytes(document), "kid", "signature")
	if err != nil {
		return "", nil, verifiers.Refuse(verifiers.MalformedSignature, "its JSON is ambiguous, or no object")
	}
	if signature, err = decoded("base64", found["signature"].Str); err != nil {
		return "", nil, err
	}
	return found["kid"].Str, signature, nil
}

// fetch asks for a key by its ID, with a token that is asked for first.
func (v *ebayVerifier) fetch(ctx context.Context, id string) (key ebayKey, err error) {
	if !pinned(id, []string{uuidForm}) {
		return key, errForeignKey()
	}
	token, _, err := v.tokens.Get(ctx, verifiers.KeyRequest{
		Method: http.MethodPost,
		URL:    v.api + "/identity/v1/oauth2/token",
		Header: http.Header{"Authorization": {v.basic}, "Content-Type": {"application/x-www-form-urlencoded"}},
		Body:   []byte("grant_type=client_credentials&scope=https%3A%2F%2Fapi.ebay.com%2Foauth%2Fapi_scope"),
		TTL:    90 * time.Minute, // it is good for two hours
		Fixed:  true,
	})
	if err != nil {
		return key, err
	}
	key, _, err = v.found.Get(ctx, verifiers.KeyRequest{
		URL: v.api + "/commerce/notification/v1/public_key/" + id,
		TTL: time.Hour, // as eBay advises

		Credential: "Bearer " + token,
	})
	return key, err
}

func readEbayToken(document []byte) (string, error) {
	var answer struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(document, &answer) != nil || answer.Token == "" {
		return "", errors.New("it has no access token")
	}
	return answer.Token, nil
}

func readEbayKey(document []byte) (key ebayKey, err error) {
	var answer struct{ Key, Digest string }
	if err := json.Unmarshal(document, &answer); err != nil {
		return key, errors.New("it is not JSON")
	}
	switch answer.Digest {
	case "SHA1", "":
		key.hash = crypto.SHA1
	case "SHA256":
		key.hash = crypto.SHA256
	default:
		return key, errors.New("a digest that is not known here")
	}
	key.PublicKey, err = ecdsaKey(answer.Key)
	return key, err
}

// Sign adds the signature, with a private ECDSA key. Such a request is for an
// endpoint that has the public key as its secret.
func (s ebayScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	key, err := ecdsaPrivateKey(secret)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	sum := crypto.SHA1.New()
	sum.Write(r.Body)
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum.Sum(nil))
	if err != nil {
		return err
	}
	document, err := json.Marshal(map[string]string{
		"alg": "ecdsa", "kid": "00000000-0000-4000-8000-000000000000", "signature": toBase64(signature), "digest": "SHA1",
	})
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "X-Ebay-Signature", toBase64(document))
}
