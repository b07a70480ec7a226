package verifiers

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestExplain signs a request, spoils it or the secret in one way, and wants to
// be told of that way.
func TestExplain(t *testing.T) {
	plain := HMAC{Signature: Signature{Names: []string{"X-Acme-Signature"}}, Content: "{body}"}
	withURL := plain
	withURL.Content = "{url}{body}"
	stamped := plain
	stamped.Content, stamped.Timestamp.From = "{timestamp}.{body}", "{header:X-Acme-Time}"
	inMS := stamped
	inMS.Timestamp.Format = "unix_ms"
	sha1 := plain
	sha1.Hash, sha1.Signature.Encoding = "sha1", "base64"
	prefixed := plain
	prefixed.Signature = Signature{Names: []string{"X-Other-Signature"}, Prefix: "sha256="}
	decoded := plain
	decoded.Secret = SecretFormat{Prefixes: []string{"whsec_"}, Encoding: "base64"}
	key := keyScheme("ecdsa")
	key.Content, key.Facts = "{url}{body}", Facts{}
	keyHex, keySHA512 := key, key
	keyHex.Signature.Encoding, keySHA512.Hash = "hex", "sha512"
	private, public := pairs()["ecdsa"].private, pairs()["ecdsa"].public
	keyed := plain
	keyed.KeyID, keyed.Options = "{header:X-Acme-Key}", map[string]string{"key": "k1"}
	misnamed := keyed
	misnamed.Options = map[string]string{"key": "k2"}
	labelled := plain
	labelled.Signature.Prefix = "sha256="
	token := JWT{From: "bearer", Algorithms: []string{"HS256"}, URLHash: ClaimHash{Claim: "url_hash"}}
	value := func(change func(string) string) func(*Request) {
		return func(r *Request) { r.Header.Set("X-Acme-Signature", change(r.Header.Get("X-Acme-Signature"))) }
	}
	rename := func(from, to string) func(*Request) {
		return func(r *Request) {
			r.Header[to] = r.Header[from]
			delete(r.Header, from)
		}
	}
	for _, test := range []struct {
		name   string
		sender Signer
		secret string // of the sender
		scheme Scheme
		given  string // the endpoint's secret
		spoil  func(*Request)
		want   string
	}{
		{"newline", plain, "s3cret", plain, "s3cret\n", nil, "white space around the secret"},
		{"newline of the sender", plain, "s3cret\n", plain, "s3cret", nil, "newline at the end of the secret"},
		{"quotes", plain, "s3cret", plain, `"s3cret"`, nil, "quotation marks"},
		{"prefix", plain, "s3cret", plain, "whsec_s3cret", nil, "without the whsec_"},
		{"to be decoded", decoded, "whsec_czNjcmV0IQ==", plain, "whsec_czNjcmV0IQ==", nil, "decoded from base64"},
		{"not to be decoded", plain, "czNjcmV0IQ==", decoded, "czNjcmV0IQ==", nil, "as it is"},
		{"hex", HMAC{Signature: plain.Signature, Content: "{body}", Secret: SecretFormat{Encoding: "hex"}}, "00ff", plain, "00ff", nil, "decoded from hex"},
		{"body with newline", plain, "a", plain, "a", func(r *Request) { r.Body = append(r.Body, '\n') }, "without the newline"},
		{"CRLF", plain, "a", plain, "a", func(r *Request) { r.Body = []byte(strings.ReplaceAll(string(r.Body), "\n", "\r\n")) }, "line ends as LF"},
		{"scheme of the URL", withURL, "a", withURL, "a", func(r *Request) { r.URL = "http://example.com/in" }, "with the scheme https"},
		{"port", withURL, "a", withURL, "a", func(r *Request) { r.URL = "https://example.com:8443/in" }, "without a port"},
		{"slash", withURL, "a", withURL, "a", func(r *Request) { r.URL = "https://example.com/in/" }, "slash at the end"},
		{"underscores", plain, "a", plain, "a", rename("X-Acme-Signature", "X_acme_signature"), "has renamed it"},
		{"underscored time", stamped, "a", stamped, "a", rename("X-Acme-Time", "X_acme_time"), "is called X-Acme-Time"},
		{"hash and encoding", sha1, "a", plain, "a", nil, "the hash sha1 in base64"},
		{"another header", prefixed, "a", plain, "a", nil, "header X-Other-Signature"},
		{"milliseconds", inMS, "a", stamped, "a", nil, "in milliseconds, where the endpoint expects seconds"},
		{"seconds", stamped, "a", inMS, "a", nil, "in seconds, where the endpoint expects milliseconds"},
		{"key, hash", keySHA512, private, key, public, nil, "the hash sha512"},
		{"key, encoding", keyHex, private, key, public, nil, "in hex"},
		{"key, body with newline", key, private, key, public, func(r *Request) { r.Body = append(r.Body, '\n') }, "without the newline"},
		{"key, scheme of the URL", key, private, key, public, func(r *Request) { r.URL = "http://example.com/in" }, "with the scheme https"},
		{"key, simply wrong", key, private, key, pairs()["p384"].public, nil, ""},
		{"bearer", Token{From: "bearer"}, "s3cret", Token{Names: []string{"Authorization"}}, "s3cret", nil, "with Bearer in front"},
		{"prefix left out", plain, "whsec_s3cret", plain, "s3cret", nil, "with whsec_ in front"},
		{"name of the key", keyed, "s3cret", misnamed, "s3cret", nil, "in the order of the secrets"},
		{"path with a prefix", withURL, "a", withURL, "a", func(r *Request) { r.URL = "http://example.com/v1/hooks/in" }, "path /in alone and the scheme https"},
		{"two underscored", stamped, "a", stamped, "a", func(r *Request) {
			rename("X-Acme-Signature", "X_acme_signature")(r)
			rename("X-Acme-Time", "X_acme_time")(r)
			r.Header.Set("X_other", "1")
		}, `"X_acme_signature" is called X-Acme-Signature, and "X_acme_time" is called X-Acme-Time.`},
		{"prefixed name", plain, "a", plain, "a", rename("X-Acme-Signature", "X-Original-X-Acme-Signature"), "is called X-Acme-Signature"},
		{"quoted", plain, "a", plain, "a", value(strconv.Quote), "without quotation marks around it"},
		{"escaped", labelled, "a", labelled, "a", value(url.QueryEscape), "its %XX decoded"},
		{"upper case", labelled, "a", labelled, "a", value(strings.ToUpper), "in lower case"},
		{"no Bearer", token, "a", token, "a", func(r *Request) {
			r.Header.Set("Authorization", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		}, "with Bearer before it"},
		{"another name of the token's header", token, "a", token, "a", rename("Authorization", "X-Forwarded-Authorization"), "is called Authorization"},
		{"token, scheme of the URL", token, "a", token, "a", func(r *Request) { r.URL = "http://example.com/in" }, "with the scheme https"},
		{"own, scheme of the URL", withURL, "a", ownScheme{withURL}, "a", func(r *Request) { r.URL = "http://example.com/in" }, "with the scheme https"},
		{"own, underscores", plain, "a", ownScheme{plain}, "a", rename("X-Acme-Signature", "X_acme_signature"), "is called X-Acme-Signature"},
		{"own, simply wrong", plain, "a", ownScheme{plain}, "b", nil, ""},
		{"simply wrong", plain, "a", plain, "b", nil, ""},
		{"a token", plain, "a", Token{Names: []string{"X-Acme-Signature"}}, "b", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &Request{Method: "POST", URL: "https://example.com/in", Header: http.Header{}, Body: []byte("{\n}")}
			now := time.Unix(1600000000, 0)
			if err := test.sender.Sign(r, test.secret, now, ""); err != nil {
				t.Fatal(err)
			}
			if test.spoil != nil {
				test.spoil(r)
			}
			var ev Event
			v, err := test.scheme.Verifier(test.given)
			if err == nil {
				ev, err = v.Verify(t.Context(), r)
			}
			if err == nil {
				err = Tolerance{Past: time.Minute}.Check(ev.Timestamp, now)
			}
			causes := Explain(test.scheme, []string{test.given}, r, err)
			got := strings.Join(causes, "\n")
			if len(causes) > 1 {
				t.Errorf("it says the same in other words: %q", causes)
			}
			if !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
				t.Errorf("%v is explained as %q, want %q", err, got, test.want)
			}
			if len(test.given) > 4 && strings.Contains(got, strings.TrimSpace(test.given)) {
				t.Errorf("it tells the secret: %q", got)
			}
		})
	}
}

// ownScheme is one of which nobody knows what it signs.
type ownScheme struct{ is Scheme }

func (s ownScheme) Verifier(secrets ...string) (Verifier, error) { return s.is.Verifier(secrets...) }

// TestExplainBodies signs a body as it was sent, and verifies it as a framework on
// the way has written it.
func TestExplainBodies(t *testing.T) {
	h := HMAC{Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}"}
	for _, test := range []struct{ sent, received, want string }{
		{`{"b":1.0,"a":"x"}`, "{\n    \"b\": 1.0,\n    \"a\": \"x\"\n}", "without white space"},
		{"{\n  \"b\": 1\n}", `{"b":1}`, "indented by two spaces"},
		{"{\n    \"b\": 1\n}", `{"b":1}`, "indented by four spaces"},
		{`{"b": 1, "a": "x,y:\"z"}`, `{"b":1,"a":"x,y:\"z"}`, "as Python writes it"},
		{`{"b":"a\/b"}`, `{"b":"a/b"}`, "as PHP writes it"},
		{`{"b":"a/b"}`, `{"b":"a\/b"}`, "not escaped"},
		{`{"b":"t\u00f6k \ud83d\ude00"}`, `{"b":"tök 😀"}`, "other than ASCII characters escaped"},
		{`{"b": "t\u00f6k", "c": 1}`, `{"b":"tök","c":1}`, "and spaced as Python does"},
		{`{"b":"tök"}`, `{"b":"t\u00f6k"}`, "need not be"},
		{`{"b":"\u003ca\u003e"}`, `{"b":"<a>"}`, "as Go writes it"},
		{`{"a":1.50,"b":"x"}`, `{"b":"x","a":1.50}`, "keys sorted"},
		{`a=x%20y`, `a=x+y`, "spaces written as %20"},
		{`a=x+y`, `a=x%20y`, "spaces written as +"},
		{`a=1&b=2`, `b=2&a=1`, "sorted by name"},
		{`{"b":1}`, string(gzipped(`{"b":1}`, "").Body), "unpacked"},
	} {
		r := received(test.sent)
		if err := h.Sign(r, "a", time.Unix(1600000000, 0), ""); err != nil {
			t.Fatal(err)
		}
		r.Body = []byte(test.received)
		if got := strings.Join(Explain(h, []string{"a"}, r, WrongSignature), "\n"); !strings.Contains(got, test.want) {
			t.Errorf("%s, received as %q, is explained as %q", test.sent, test.received, got)
		}
	}
}
