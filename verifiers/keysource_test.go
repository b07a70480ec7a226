package verifiers

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// keyShelf is a key source with documents by URL, which keeps the requests for them.
type keyShelf struct {
	documents map[string]KeyDocument
	err       error
	asked     []KeyRequest
}

func (s *keyShelf) Fetch(_ context.Context, r KeyRequest) (KeyDocument, error) {
	s.asked = append(s.asked, r)
	d, ok := s.documents[r.URL]
	if s.err != nil || !ok {
		return KeyDocument{}, errors.Join(UnavailableKey, s.err)
	}
	return d, nil
}

// jwks makes a key set of public keys by their IDs.
func jwks(t *testing.T, version uint64, keys map[string]crypto.Signer) KeyDocument {
	t.Helper()
	text := `{"keys":[`
	for id, key := range keys {
		jwk, err := jose.JSONWebKey{Key: key.Public(), KeyID: id}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if text[len(text)-1] == '}' {
			text += ","
		}
		text += string(jwk)
	}
	return KeyDocument{Body: []byte(text + `]}`), Version: version}
}

// withKeyID signs a token that names its key.
func withKeyID(t *testing.T, key crypto.Signer, id string) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if id != "" {
		options = options.WithHeader("kid", id)
	}
	token, err := signToken(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options, []byte(`{}`), false)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestFetchedKeys(t *testing.T) {
	const url = "https://keys.example.com/jwks"
	a, b, c := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	shelf := &keyShelf{documents: map[string]KeyDocument{url: jwks(t, 1, map[string]crypto.Signer{"a": a, "b": b})}}
	scheme := JWT{Names: []string{"Token"}, Algorithms: []string{"ES256"}, Keys: Keys{URL: url}}
	v := mustVerifier(t, scheme.WithKeySource(shelf))
	for _, test := range []struct {
		name  string
		key   crypto.Signer
		id    string
		want  string
		asked int // how often the source was
	}{
		{"the first key", a, "a", "accepted", 1},
		{"the second key", b, "b", "accepted", 1},
		{"another's ID", a, "b", "wrong_signature", 1},
		{"no ID", b, "", "accepted", 1},
		{"no ID, unknown key", c, "", "wrong_signature", 2},
		{"unknown ID", c, "c", "wrong_signature", 2},
		{"unknown ID of a known key", a, "c", "wrong_signature", 2},
		{"an ID that is a path", a, "../a", "wrong_signature", 2},
	} {
		shelf.asked = nil
		if _, got := ask(t, v, withKeyID(t, test.key, test.id), ""); got != test.want || len(shelf.asked) != test.asked {
			t.Errorf("%s: %s after %d fetches", test.name, got, len(shelf.asked))
		}
		if n := len(shelf.asked); n == 2 && shelf.asked[1].After != 1 {
			t.Errorf("%s: it does not say what it has: %+v", test.name, shelf.asked[1])
		}
	}
	token := withKeyID(t, c, "c")
	shelf.documents[url] = jwks(t, 2, map[string]crypto.Signer{"b": b, "c": c})
	if _, got := ask(t, v, token, ""); got != "accepted" {
		t.Errorf("a new key: %s", got)
	}
	if _, got := ask(t, v, withKeyID(t, a, "a"), ""); got != "wrong_signature" {
		t.Errorf("a key that was withdrawn: %s", got)
	}
	shelf.documents[url] = KeyDocument{Body: []byte("<html>"), Version: 3}
	if _, got := ask(t, v, token, ""); got != "unavailable_key" {
		t.Errorf("garbage: %s", got)
	}
	if shelf.asked[0].Valid([]byte("<html>")) == nil || shelf.asked[0].Valid(jwks(t, 1, map[string]crypto.Signer{"a": a}).Body) != nil {
		t.Error("what is of use is not told")
	}
	shelf.err = errors.New("down")
	if _, got := ask(t, v, token, ""); got != "unavailable_key" {
		t.Errorf("a source that is down: %s", got)
	}
	if _, got := ask(t, mustVerifier(t, scheme), token, ""); got != "unavailable_key" {
		t.Errorf("no source: %s", got)
	}
	_, public := pair(t, c)
	shelf.asked = nil
	if _, got := ask(t, mustVerifier(t, scheme.WithKeySource(shelf), public), token, ""); got != "accepted" || shelf.asked != nil {
		t.Errorf("a secret instead: %s", got)
	}
}

func TestPinnedKeys(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	_, public := pair(t, key)
	const good = "https://keys.example.com/one.pem"
	shelf := &keyShelf{documents: map[string]KeyDocument{}}
	for _, url := range []string{good, "https://evil.example/one.pem", good + ".evil.example/", "https://evil.example/" + good} {
		shelf.documents[url] = KeyDocument{Body: []byte(public), Version: 1}
	}
	scheme := JWT{Names: []string{"Token"}, Algorithms: []string{"ES256"}, Keys: Keys{
		URL: "{header:Key-Url}", Pin: []string{`https://keys\.example\.com/[a-z]+\.pem`}, Format: "pem",
		Header: map[string]string{"Authorization": "Bearer {option:api_key}"},
	}}
	scheme.Options = map[string]string{"api_key": "k1"}
	v := mustVerifier(t, scheme.WithKeySource(shelf))
	for url, want := range map[string]string{
		good: "accepted", "": "missing_signature", good + "\n": "wrong_signature", good + ".evil.example/": "wrong_signature",
		"https://evil.example/one.pem": "wrong_signature", "https://evil.example/" + good: "wrong_signature",
		"https://keys.example.com/unknown.pem": "unavailable_key",
	} {
		shelf.asked = nil
		r := &Request{Method: "POST", Header: http.Header{"Token": {withKeyID(t, key, "x")}, "Key-Url": {url}}}
		_, err := v.Verify(t.Context(), r)
		if got := ReasonOf(err); got != Reason(want) && (err != nil || want != "accepted") {
			t.Errorf("%q: %v, want %s", url, err, want)
		}
		if len(shelf.asked) > 0 && (want == "wrong_signature" || shelf.asked[0].Header.Get("Authorization") != "Bearer k1" || len(shelf.asked[0].Pin) != 1) {
			t.Errorf("%q: asked for %+v", url, shelf.asked)
		}
	}
	for name, keys := range map[string]Keys{
		"no pin":           {URL: "{header:Key-Url}"},
		"a broken pin":     {URL: "{header:Key-Url}", Pin: []string{"("}},
		"unknown format":   {URL: good, Format: "xml"},
		"json of no place": {URL: good, Format: "json"},
		"a path in PEM":    {URL: good, Format: "pem", Path: "a"},
		"a broken path":    {URL: good, Format: "json", Path: "@this"},
		"a broken URL":     {URL: "{nothing}"},
	} {
		scheme.Keys = keys
		if _, err := scheme.Verifier(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	scheme.Keys = Keys{URL: "https://{option:host}/jwks"}
	if _, err := scheme.Verifier(); err == nil {
		t.Error("neither a secret nor the place of the keys")
	}
	scheme.Options = map[string]string{"host": "auth.example.com"}
	if _, err := scheme.Verifier(); err != nil {
		t.Errorf("the endpoint's own URL needs no pin: %v", err)
	}
}

// A set that names no keys has any of them tried, and no more than there may be.
func TestKeysAreTried(t *testing.T) {
	var calls int
	try([]publicKey{{}, {}, {id: "a"}}, "a", func(publicKey) bool { calls++; return false })
	if calls != 3 {
		t.Errorf("%d keys were tried", calls)
	}
	if known, _ := try([]publicKey{{id: "b"}}, "a", nil); known {
		t.Error("another key is known")
	}
}
