package providers

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

// truelayerKeys are where TrueLayer's keys are, by environment.
var truelayerKeys = map[string]string{
	"production": `https://webhooks.truelayer.com/.well-known/jwks`,
	"sandbox":    `https://webhooks.truelayer-sandbox.com/.well-known/jwks`,
}

// truelayerScheme is a detached token (ES512) over the method, the path, the
// headers that it names, and the body.
type truelayerScheme struct {
	verifiers.Facts

	source verifiers.KeySource
}

var (
	_ verifiers.Fetching = truelayerScheme{}
	_ verifiers.Signer   = truelayerScheme{}
)

// WithKeySource returns a copy of the scheme that fetches keys from source.
func (s truelayerScheme) WithKeySource(source verifiers.KeySource) verifiers.Scheme {
	s.source = source
	return s
}

type truelayerVerifier struct {
	urls    []string
	keys    []*ecdsa.PublicKey // empty: they are fetched
	fetched *verifiers.Fetched[map[string]*ecdsa.PublicKey]
	facts   *verifiers.FactReader
}

// Verifier makes the scheme's verifier.
func (s truelayerScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	v := &truelayerVerifier{fetched: verifiers.NewFetched(s.source, readTruelayerKeys)}
	for environment, url := range truelayerKeys {
		if wanted := s.Options["environment"]; wanted == "" || wanted == environment {
			v.urls = append(v.urls, url)
		}
	}
	if len(secrets) > 0 {
		if _, err := verifiers.SecretKeys(secrets, func(text string) ([]byte, error) {
			keys, err := verifiers.PublicKeys(text)
			if err != nil {
				return nil, err
			}
			for _, any := range keys {
				key, ok := any.(*ecdsa.PublicKey)
				if !ok || key.Curve != elliptic.P521() {
					return nil, errors.New("it is not a P-521 key")
				}
				v.keys = append(v.keys, key)
			}
			return nil, nil
		}); err != nil {
			return nil, err
		}
	}
	var err error
	v.facts, err = s.Reader(verifiers.Covered{Body: true, Places: []string{"{method}{path}{header:X-Tl-Webhook-Timestamp}"}})
	return v, err
}

// truelayerToken is the header of a token, not yet verified.
type truelayerToken struct {
	text, kid, jku string
	headers        []string // names, as they were signed
}

// Verify checks a request.
func (v *truelayerVerifier) Verify(ctx context.Context, r *verifiers.Request) (verifiers.Event, error) {
	token, err := truelayerTokenOf(r)
	if err != nil {
		return verifiers.Event{}, err
	}
	keys := v.keys
	if len(keys) == 0 {
		if keys, err = v.fetch(ctx, token); err != nil {
			return verifiers.Event{}, err
		}
	}
	for _, path := range truelayerPaths(r.URL) {
		if err := ctx.Err(); err != nil {
			return verifiers.Event{}, err
		}
		payload, err := truelayerPayload(r, path, token.headers)
		if err != nil {
			return verifiers.Event{}, err
		}
		if err := grow(r, 5*len(payload)); err != nil { // including the library's base64
			return verifiers.Event{}, err
		}
		signature, err := jose.ParseDetached(token.text, payload, []jose.SignatureAlgorithm{jose.ES512})
		if err != nil {
			return verifiers.Event{}, verifiers.Refuse(verifiers.MalformedSignature, "it is not a token signed with ES512")
		}
		if slices.ContainsFunc(keys, func(key *ecdsa.PublicKey) bool { return signature.DetachedVerify(payload, key) == nil }) {
			return told(v.facts, r, verifiers.Event{Content: r.Body})
		}
	}
	return verifiers.Event{}, verifiers.Refuse(verifiers.WrongSignature, "none of TrueLayer's keys made the signature, for this path or with the slash at its end")
}

// truelayerTokenOf takes the token's header apart. Version 1, which covered the
// body alone, is refused as TrueLayer's own libraries do.
func truelayerTokenOf(r *verifiers.Request) (t truelayerToken, err error) {
	if t.text, err = verifiers.HeaderOf(r, "Tl-Signature"); err != nil {
		return t, err
	}
	malformed := func(detail string) error { return verifiers.Refuse(verifiers.MalformedSignature, "%s", detail) }
	text, signature, ok := strings.Cut(t.text, "..")
	if !ok || strings.Contains(signature, ".") {
		return t, malformed("it is not a detached token")
	}
	header, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || !verifiers.ValidJSON(header) {
		return t, malformed("the token's header is not JSON in base64url")
	}
	found, err := members(gjson.ParseBytes(header), "alg", "kid", "jku", "tl_version", "tl_headers", "crit", "b64")
	switch {
	case err != nil:
		return t, malformed("the token's header is ambiguous, or no object")
	case found["alg"].Str != "ES512" || found["tl_version"].Str != "2":
		return t, malformed("the token is not of version 2, signed with ES512")
	case found["crit"].Exists() || found["b64"].Exists():
		return t, malformed("the token has a critical header that is not known here")
	}
	t.kid, t.jku = found["kid"].Str, found["jku"].Str
	stamped := false
	for name := range strings.SplitSeq(found["tl_headers"].Str, ",") {
		if name = strings.TrimSpace(name); name != "" {
			if len(t.headers) == maxSignedHeaders || slices.ContainsFunc(t.headers, func(n string) bool { return strings.EqualFold(n, name) }) {
				return t, malformed("the token covers a header twice, or too many")
			}
			t.headers = append(t.headers, name)
			stamped = stamped || strings.EqualFold(name, "X-Tl-Webhook-Timestamp")
		}
	}
	if !stamped {
		return t, malformed("the token does not cover X-Tl-Webhook-Timestamp")
	}
	return t, nil
}

// fetch returns the keys of the token's ID. Where there is none the source is asked
// for a newer document.
func (v *truelayerVerifier) fetch(ctx context.Context, t truelayerToken) ([]*ecdsa.PublicKey, error) {
	if !slices.Contains(v.urls, t.jku) {
		return nil, errForeignKey()
	}
	ask := verifiers.KeyRequest{URL: strings.Clone(t.jku)}
	keys, version, err := v.fetched.Get(ctx, ask)
	if err != nil {
		return nil, err
	}
	if keys[t.kid] == nil {
		ask.After = version
		if keys, _, err = v.fetched.Get(ctx, ask); err != nil {
			return nil, err
		}
	}
	if keys[t.kid] == nil {
		return nil, verifiers.Refuse(verifiers.WrongSignature, "unknown key ID")
	}
	return []*ecdsa.PublicKey{keys[t.kid]}, nil
}

// maxTruelayerKeys bounds the keys of a set.
const maxTruelayerKeys = 64

// readTruelayerKeys reads the P-521 keys of a set, by their IDs. A coordinate may
// lack its leading zeros there, which RFC 7518 forbids and libraries refuse.
func readTruelayerKeys(document []byte) (map[string]*ecdsa.PublicKey, error) {
	var set struct {
		Keys []struct{ Kty, Crv, Kid, X, Y string }
	}
	if json.Unmarshal(document, &set) != nil {
		return nil, errors.New("it is not a JWK set")
	}
	keys := map[string]*ecdsa.PublicKey{}
	for _, k := range set.Keys {
		if k.Kty != "EC" || k.Crv != "P-521" || k.Kid == "" || len(keys) == maxTruelayerKeys {
			continue
		}
		const size = 66
		point := make([]byte, 1+2*size)
		point[0] = 4 // uncompressed
		for i, text := range []string{k.X, k.Y} {
			raw, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil || len(raw) > size {
				return nil, errors.New("a key's coordinate is not one")
			}
			copy(point[1+(i+1)*size-len(raw):], raw)
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P521(), point)
		if err != nil {
			return nil, errors.New("a key is not a point of its curve")
		}
		keys[k.Kid] = key
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no P-521 key")
	}
	return keys, nil
}

// truelayerPaths are those that may have been signed: TrueLayer's libraries try the
// path with a slash at its end and without, and their examples have the query in it.
func truelayerPaths(url string) []string {
	path := verifiers.PathOf(url)
	other := path + "/"
	if trimmed, ok := strings.CutSuffix(path, "/"); ok {
		other = trimmed
	}
	paths := []string{path, other}
	if _, query, ok := strings.Cut(url, "?"); ok {
		paths = append(paths, path+"?"+query)
	}
	return paths
}

// truelayerPayload makes the signed text. A header that is there more than once, or
// not at all, leaves it ambiguous.
func truelayerPayload(r *verifiers.Request, path string, headers []string) ([]byte, error) {
	var payload bytes.Buffer
	payload.WriteString(strings.ToUpper(r.Method) + " " + path + "\n")
	for _, name := range headers {
		values := r.Header[http.CanonicalHeaderKey(name)]
		if len(values) != 1 {
			return nil, verifiers.Refuse(verifiers.MalformedSignature, "a header that is signed is not there exactly once")
		}
		payload.WriteString(name + ": " + values[0] + "\n")
	}
	payload.Grow(len(r.Body))
	payload.Write(r.Body)
	return payload.Bytes(), nil
}

// Sign adds the signature, with a private P-521 key. Such a request is for an
// endpoint that has the public key as its secret.
func (s truelayerScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	key, err := ecdsaPrivateKey(secret)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	headers := []string{"X-Tl-Webhook-Timestamp"}
	if r.Header.Get("Content-Type") != "" {
		headers = append(headers, "Content-Type")
	}
	payload, err := truelayerPayload(r, verifiers.PathOf(r.URL), headers)
	if err != nil {
		return err
	}
	options := (&jose.SignerOptions{}).WithHeader("kid", "00000000-0000-4000-8000-000000000000").WithHeader("tl_version", "2").
		WithHeader("tl_headers", strings.Join(headers, ",")).WithHeader("jku", truelayerKeys["sandbox"])
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES512, Key: key}, options)
	if err != nil {
		return err
	}
	token, err := signer.Sign(payload)
	if err != nil {
		return err
	}
	text, err := token.DetachedCompactSerialize()
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "Tl-Signature", text)
}
