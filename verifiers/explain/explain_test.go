package explain

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestExplain signs a request, spoils it or the secret in one way, and expects that
// way as the cause.
func TestExplain(t *testing.T) {
	plain := verifiers.HMAC{Signature: verifiers.Signature{Names: []string{"X-Acme-Signature"}}, Content: "{body}"}
	withURL := plain
	withURL.Content = "{url}{body}"
	stamped := plain
	stamped.Content, stamped.Timestamp.From = "{timestamp}.{body}", "{header:X-Acme-Time}"
	inMS := stamped
	inMS.Timestamp.Format = "unix_ms"
	sha1 := plain
	sha1.Hash, sha1.Signature.Encoding = "sha1", "base64"
	prefixed := plain
	prefixed.Signature = verifiers.Signature{Names: []string{"X-Other-Signature"}, Prefix: "sha256="}
	decoded := plain
	decoded.Secret = verifiers.SecretFormat{Prefixes: []string{"whsec_"}, Encoding: "base64"}
	key := verifiers.PublicKey{
		Algorithm: "ecdsa", Content: "{url}{body}",
		Signature: verifiers.Signature{Names: []string{"X-Sig"}, Encoding: "base64"},
	}
	keyHex, keySHA512 := key, key
	keyHex.Signature.Encoding, keySHA512.Hash = "hex", "sha512"
	private, public := newPair(t, elliptic.P256())
	_, foreign := newPair(t, elliptic.P384())
	keyed := plain
	keyed.KeyID, keyed.Options = "{header:X-Acme-Key}", map[string]string{"key": "k1"}
	misnamed := keyed
	misnamed.Options = map[string]string{"key": "k2"}
	labelled := plain
	labelled.Signature.Prefix = "sha256="
	token := verifiers.JWT{From: "bearer", Algorithms: []string{"HS256"}, URLHash: verifiers.ClaimHash{Claim: "url_hash"}}
	value := func(change func(string) string) func(*verifiers.Request) {
		return func(r *verifiers.Request) { r.Header.Set("X-Acme-Signature", change(r.Header.Get("X-Acme-Signature"))) }
	}
	rename := func(from, to string) func(*verifiers.Request) {
		return func(r *verifiers.Request) {
			r.Header[to] = r.Header[from]
			delete(r.Header, from)
		}
	}
	for _, test := range []struct {
		name   string
		sender verifiers.Signer
		secret string // of the sender
		scheme verifiers.Scheme
		given  string // the endpoint's secret
		spoil  func(*verifiers.Request)
		want   string
	}{
		{"newline", plain, "s3cret", plain, "s3cret\n", nil, "white space around the secret"},
		{"newline of the sender", plain, "s3cret\n", plain, "s3cret", nil, "newline at the end of the secret"},
		{"quotes", plain, "s3cret", plain, `"s3cret"`, nil, "quotation marks"},
		{"prefix", plain, "s3cret", plain, "whsec_s3cret", nil, "without the whsec_"},
		{"to be decoded", decoded, "whsec_czNjcmV0IQ==", plain, "whsec_czNjcmV0IQ==", nil, "decoded from base64"},
		{"not to be decoded", plain, "czNjcmV0IQ==", decoded, "czNjcmV0IQ==", nil, "as it is"},
		{"hex", verifiers.HMAC{Signature: plain.Signature, Content: "{body}", Secret: verifiers.SecretFormat{Encoding: "hex"}}, "00ff", plain, "00ff", nil, "decoded from hex"},
		{"body with newline", plain, "a", plain, "a", func(r *verifiers.Request) { r.Body = append(r.Body, '\n') }, "without the newline"},
		{"CRLF", plain, "a", plain, "a", func(r *verifiers.Request) { r.Body = []byte(strings.ReplaceAll(string(r.Body), "\n", "\r\n")) }, "line ends as LF"},
		{"scheme of the URL", withURL, "a", withURL, "a", func(r *verifiers.Request) { r.URL = "http://example.com/in" }, "with the scheme https"},
		{"port", withURL, "a", withURL, "a", func(r *verifiers.Request) { r.URL = "https://example.com:8443/in" }, "without a port"},
		{"slash", withURL, "a", withURL, "a", func(r *verifiers.Request) { r.URL = "https://example.com/in/" }, "slash at the end"},
		{"underscores", plain, "a", plain, "a", rename("X-Acme-Signature", "X_acme_signature"), "has renamed it"},
		{"underscored time", stamped, "a", stamped, "a", rename("X-Acme-Time", "X_acme_time"), "is called X-Acme-Time"},
		{"hash and encoding", sha1, "a", plain, "a", nil, "the hash sha1 in base64"},
		{"another header", prefixed, "a", plain, "a", nil, "header X-Other-Signature"},
		{"milliseconds", inMS, "a", stamped, "a", nil, "in milliseconds, where the endpoint expects seconds"},
		{"seconds", stamped, "a", inMS, "a", nil, "in seconds, where the endpoint expects milliseconds"},
		{"key, hash", keySHA512, private, key, public, nil, "the hash sha512"},
		{"key, encoding", keyHex, private, key, public, nil, "in hex"},
		{"key, body with newline", key, private, key, public, func(r *verifiers.Request) { r.Body = append(r.Body, '\n') }, "without the newline"},
		{"key, scheme of the URL", key, private, key, public, func(r *verifiers.Request) { r.URL = "http://example.com/in" }, "with the scheme https"},
		{"key, simply wrong", key, private, key, foreign, nil, ""},
		{"bearer", verifiers.Token{From: "bearer"}, "s3cret", verifiers.Token{Names: []string{"Authorization"}}, "s3cret", nil, "with Bearer in front"},
		{"prefix left out", plain, "whsec_s3cret", plain, "s3cret", nil, "with whsec_ in front"},
		{"name of the key", keyed, "s3cret", misnamed, "s3cret", nil, "in the order of the secrets"},
		{"path with a prefix", withURL, "a", withURL, "a", func(r *verifiers.Request) { r.URL = "http://example.com/v1/hooks/in" }, "path /in alone and the scheme https"},
		{"two underscored", stamped, "a", stamped, "a", func(r *verifiers.Request) {
			rename("X-Acme-Signature", "X_acme_signature")(r)
			rename("X-Acme-Time", "X_acme_time")(r)
			r.Header.Set("X_other", "1")
		}, `"X_acme_signature" is called X-Acme-Signature, and "X_acme_time" is called X-Acme-Time.`},
		{"prefixed name", plain, "a", plain, "a", rename("X-Acme-Signature", "X-Original-X-Acme-Signature"), "is called X-Acme-Signature"},
		{"quoted", plain, "a", plain, "a", value(strconv.Quote), "without quotation marks around it"},
		{"escaped", labelled, "a", labelled, "a", value(url.QueryEscape), "its %XX decoded"},
		{"upper case", labelled, "a", labelled, "a", value(strings.ToUpper), "in lower case"},
		{"no Bearer", token, "a", token, "a", func(r *verifiers.Request) {
			r.Header.Set("Authorization", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		}, "with Bearer before it"},
		{"another name of the token's header", token, "a", token, "a", rename("Authorization", "X-Forwarded-Authorization"), "is called Authorization"},
		{"token, scheme of the URL", token, "a", token, "a", func(r *verifiers.Request) { r.URL = "http://example.com/in" }, "with the scheme https"},
		{"own, scheme of the URL", withURL, "a", ownScheme{withURL}, "a", func(r *verifiers.Request) { r.URL = "http://example.com/in" }, "with the scheme https"},
		{"own, underscores", plain, "a", ownScheme{plain}, "a", rename("X-Acme-Signature", "X_acme_signature"), "is called X-Acme-Signature"},
		{"own, simply wrong", plain, "a", ownScheme{plain}, "b", nil, ""},
		{"simply wrong", plain, "a", plain, "b", nil, ""},
		{"a token", plain, "a", verifiers.Token{Names: []string{"X-Acme-Signature"}}, "b", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &verifiers.Request{Method: "POST", URL: "https://example.com/in", Header: http.Header{}, Body: []byte("{\n}")}
			now := time.Unix(1600000000, 0)
			if err := test.sender.Sign(r, test.secret, now, ""); err != nil {
				t.Fatal(err)
			}
			if test.spoil != nil {
				test.spoil(r)
			}
			row := verifiers.Provider{Title: "Acme", Docs: []string{"docs"}, Scheme: test.scheme, Freshness: verifiers.Freshness{
				Tolerance: verifiers.Tolerance{Past: time.Minute, Future: time.Minute}, Optional: true,
			}}
			d := Case{Row: row, Secrets: []string{test.given}, Request: r, Now: now}.Diagnose(t.Context())
			got := strings.Join(d.Causes, "\n")
			if len(d.Causes) > 1 {
				t.Errorf("it says the same in other words: %q", d.Causes)
			}
			if want := cmp.Or(test.want, nothing); !strings.Contains(got, want) {
				t.Errorf("%s is explained as %q, want %q", d.Reason, got, want)
			}
			if len(test.given) > 4 && strings.Contains(got, strings.TrimSpace(test.given)) {
				t.Errorf("it tells the secret: %q", got)
			}
		})
	}
}

// nothing is the text for a refusal without a known cause.
const nothing = "None of the common causes explains it."

// caseOf is a request to an endpoint of any sender.
func caseOf(scheme verifiers.Scheme, secret string, r *verifiers.Request) Case {
	return Case{Row: verifiers.Provider{Scheme: scheme}, Secrets: []string{secret}, Request: r, Now: time.Unix(1600000000, 0)}
}

// newPair makes a pair of keys in PEM.
func newPair(t *testing.T, curve elliptic.Curve) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: shown}))
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

// ownScheme is a scheme in code, which does not describe itself.
type ownScheme struct{ is verifiers.Scheme }

func (s ownScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	return s.is.Verifier(secrets...)
}

// TestExplainBodies signs a body as it was sent, and verifies it as a framework on
// the way has written it.
func TestExplainBodies(t *testing.T) {
	h := verifiers.HMAC{Signature: verifiers.Signature{Names: []string{"X-Sig"}}, Content: "{body}"}
	for _, test := range []struct{ sent, received, want string }{
		{`{"b":1.0,"a":"x"}`, "{\n    \"b\": 1.0,\n    \"a\": \"x\"\n}", "without white space"},
		{"{\n  \"b\": 1\n}", `{"b":1}`, "indented by two spaces"},
		{"{\n    \"b\": 1\n}", `{"b":1}`, "indented by four spaces"},
		{`{"b": 1, "a": "x,y:\"z"}`, `{"b":1,"a":"x,y:\"z"}`, "as Python writes it"},
		{`{"b":"a\/b"}`, `{"b":"a/b"}`, "as PHP writes it"},
		{`{"b":"a/b"}`, `{"b":"a\/b"}`, "need not be"},
		{`{"b":"t\u00f6k \ud83d\ude00"}`, `{"b":"tök 😀"}`, "other than ASCII characters escaped"},
		{`{"b": "t\u00f6k", "c": 1}`, `{"b":"tök","c":1}`, "as Python writes it and with its other than ASCII"},
		{`{"b":"tök"}`, `{"b":"t\u00f6k"}`, "need not be"},
		{`{"b":"\u003ca\u003e"}`, `{"b":"<a>"}`, "as Go writes it"},
		{`{"a":1.50,"b":"x"}`, `{"b":"x","a":1.50}`, "keys sorted"},
		{`a=x%20y`, `a=x+y`, "spaces written as %20"},
		{`a=x+y`, `a=x%20y`, "spaces written as +"},
		{`a=1&b=2`, `b=2&a=1`, "sorted by name"},
		{`{"b":1}`, packed(`{"b":1}`), "unpacked"},
	} {
		r := &verifiers.Request{Method: "POST", URL: "https://example.com/in", Header: http.Header{}, Body: []byte(test.sent)}
		r.Header.Set("Content-Type", "application/json")
		if err := h.Sign(r, "a", time.Unix(1600000000, 0), ""); err != nil {
			t.Fatal(err)
		}
		r.Body = []byte(test.received)
		if got := strings.Join(caseOf(h, "a", r).Diagnose(t.Context()).Causes, "\n"); !strings.Contains(got, test.want) {
			t.Errorf("%s, received as %q, is explained as %q", test.sent, test.received, got)
		}
	}
}

// TestEnded: nothing is tried for somebody who has left.
func TestEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := verifiers.HMAC{Signature: verifiers.Signature{Names: []string{"X-Sig"}}, Content: "{body}"}
	r := &verifiers.Request{Method: "POST", Header: http.Header{}, Body: []byte("{}")}
	if err := h.Sign(r, "a", time.Unix(1600000000, 0), ""); err != nil {
		t.Fatal(err)
	}
	c := caseOf(h, " a", r)
	if causes := c.Diagnose(t.Context()).Causes; len(causes) != 1 || !strings.Contains(causes[0], "white space around the secret") {
		t.Errorf("%q", causes)
	}
	if causes := c.Diagnose(ctx).Causes; len(causes) != 1 || !strings.Contains(causes[0], "not everything was tried") {
		t.Errorf("%q", causes)
	}
}

// FuzzCauses guesses signatures. None is explained, since none is nearly right.
func FuzzCauses(f *testing.F) {
	scheme := verifiers.HMAC{Signature: verifiers.Signature{Names: []string{"X-Sig"}}, Content: "{body}", Facts: verifiers.Facts{
		Timestamp: verifiers.Timestamp{From: "{json:at}", Format: "rfc3339"},
		EventID:   []string{"{json:id}:{header:X-Id}", "{header:X-Id}"},
	}}
	f.Add("00", "a", "/in?sig=00&id=1", []byte(`{"id":"a","type":"b","at":"2020-01-01T00:00:00Z","sig":"00"}`))
	f.Add("t=1,v1=00", "", "/in", []byte(`sig=00&id=%20`))
	f.Add("\"00\"", "a", "", []byte(`[[[[`))
	f.Add("00", "a", "/in?b=1&a=2", []byte(packed("id=%7B%7D")))
	f.Fuzz(func(t *testing.T, sig, id, url string, body []byte) {
		r := &verifiers.Request{Method: "POST", URL: url, Body: body, Header: http.Header{"X-Sig": {sig}, "X-Id": {id}}}
		d := caseOf(scheme, "user:secret", r).Diagnose(t.Context())
		if len(d.Causes) != 1 || strings.Contains(d.Causes[0], "It verifies") {
			t.Errorf("a guessed signature was explained: %q", d.Causes)
		}
	})
}
