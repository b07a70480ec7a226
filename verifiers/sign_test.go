package verifiers

import (
	"net/http"
	"regexp"
	"testing"
	"time"
)

// TestSign compares the request of a signer with that of the provider, to the
// byte but for the signature itself.
func TestSign(t *testing.T) {
	at := time.Unix(1600000000, 0)
	list := func(sep, assign, encoding string, keys ...string) Signature {
		return Signature{Names: []string{"X-Sig"}, Separator: sep, Assign: assign, Keys: keys, Encoding: encoding}
	}
	const hex64, base44 = "[0-9a-f]{64}", "[A-Za-z0-9+/]{43}="
	withTime := Facts{Timestamp: Timestamp{From: "{param:t}"}}
	layout := list(",", "=", "", "v1")
	layout.Layout = "v1={signature}, t={timestamp}"
	for _, test := range []struct {
		name   string
		scheme HMAC
		want   string
	}{
		{"bare", HMAC{Signature: list("", "", ""), Content: "{body}"}, hex64},
		{"list", HMAC{Signature: list(",", "=", "", "v1"), Content: "{timestamp}.{body}", Facts: withTime}, "t=1600000000,v1=" + hex64},
		{"semicolons", HMAC{Signature: list(";", "=", "", "h1"), Content: "{timestamp}:{body}", Facts: withTime}, "t=1600000000;h1=" + hex64},
		{"spaces", HMAC{Signature: list(" ", ",", "base64", "v1"), Content: "{body}"}, "v1," + base44},
		{"positions", HMAC{Signature: list(",", "", "", "1"), Content: "{timestamp}.{body}",
			Facts: Facts{Timestamp: Timestamp{From: "{param:0}"}}}, "1600000000," + hex64},
		{"layout", HMAC{Signature: layout, Content: "{timestamp}.{body}", Facts: withTime}, "v1=" + hex64 + ", t=1600000000"},
		{"chosen hash", HMAC{Hash: "sha256,sha1", Signature: Signature{Names: []string{"X-Sig"}, Prefix: "{hash}="}, Content: "{body}"}, "sha256=" + hex64},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &Request{Method: "POST", URL: "https://example.com/in", Body: []byte("hello")}
			if err := test.scheme.Sign(r, "a", at, "id_1"); err != nil {
				t.Fatal(err)
			}
			if got := r.Header.Get("X-Sig"); !matches(test.want, got) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if _, err := mustVerifier(t, test.scheme, "a").Verify(t.Context(), r); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSignPlaces signs where the signature does not stand in a header.
func TestSignPlaces(t *testing.T) {
	at := time.Unix(1600000000, 0)
	for _, test := range []struct {
		name   string
		scheme Signer
		r      *Request
	}{
		{"query", HMAC{Signature: Signature{From: "query", Names: []string{"sig"}}, Content: "{body}"},
			&Request{URL: "https://example.com/in?a=b", Body: []byte("hello")}},
		{"form", HMAC{Signature: Signature{From: "form", Names: []string{"sig"}}, Content: "{form:a}"},
			&Request{URL: "/", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte("a=b")}},
		{"json", HMAC{Signature: Signature{From: "json", Names: []string{"auth.sig"}}, Content: "{json:a}"},
			&Request{URL: "/", Body: []byte(`{"a":1, "auth": {"sig": ""} }`)}},
		{"bearer", Token{From: "bearer"}, &Request{URL: "/"}},
		{"query token", Token{From: "query", Names: []string{"key"}}, &Request{URL: "/in"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.scheme.Sign(test.r, "a&b", at, ""); err != nil {
				t.Fatal(err)
			}
			if _, err := mustVerifier(t, test.scheme.(Scheme), "a&b").Verify(t.Context(), test.r); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSignKeepsID leaves the ID of an event that is signed once more.
func TestSignKeepsID(t *testing.T) {
	h := HMAC{Signature: Signature{Names: []string{"X-Sig"}}, Content: "{id}{body}", Facts: Facts{EventID: []string{"{header:X-Id}"}}}
	r := &Request{}
	for _, id := range []string{"first", "second"} {
		if err := h.Sign(r, "a", time.Unix(1600000000, 0), id); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.Header.Get("X-Id"); got != "first" {
		t.Errorf("the ID is %q", got)
	}
}

func matches(pattern, text string) bool {
	return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(text)
}

// TestSignTextAroundTime signs where the time is read with a text that is not sent.
func TestSignTextAroundTime(t *testing.T) {
	scheme := HMAC{
		Signature: Signature{Names: []string{"X-Sig"}},
		Content:   "{header:X-Time}.{body}",
		Facts:     Facts{Timestamp: Timestamp{From: "{header:X-Time}Z", Format: "rfc3339"}},
	}
	at := time.Unix(1600000000, 0)
	r := &Request{Method: "POST", URL: "https://example.com/in", Body: []byte("hello")}
	if err := scheme.Sign(r, "a", at, "id_1"); err != nil {
		t.Fatal(err)
	}
	if got, want := r.Header.Get("X-Time"), "2020-09-13T12:26:40"; got != want {
		t.Errorf("the time is %q, want %q", got, want)
	}
	ev, err := mustVerifier(t, scheme, "a").Verify(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if !ev.Timestamp.Equal(at) || !ev.Signed.Timestamp {
		t.Errorf("the time is read as %v, signed %v; want %v, signed", ev.Timestamp, ev.Signed.Timestamp, at)
	}
}
