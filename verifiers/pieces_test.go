package verifiers

import (
	"bytes"
	"net/http"
	"testing"
	"time"
)

// TestPieces adds members to a document of which only some values are signed, so
// that a parser that takes the last of them would read another event than was
// verified.
func TestPieces(t *testing.T) {
	scheme := HMAC{
		Signature: Signature{From: "json", Names: []string{"sig"}},
		Content:   "{json:order.id}:{json:items.0.status}",
		Facts:     Facts{EventType: []string{"{json:note}"}},
	}
	sign := func(body string) *Request {
		r := &Request{Method: "POST", URL: "https://hooks.example.com/", Header: http.Header{}, Body: []byte(body)}
		if err := scheme.Sign(r, "test secret", time.Time{}, ""); err != nil {
			t.Fatal(err)
		}
		return r
	}
	v, err := scheme.Verifier("test secret")
	if err != nil {
		t.Fatal(err)
	}
	good := sign(`{"sig":"","order":{"id":"1"},"items":[{"status":"paid"}],"note":"x"}`)
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{
		`,"order":{"id":"2"}`, `,"Order":{"id":"2"}`, `,"items":[]`, `,"\u006frder":{"id":"2"}`,
	} {
		r := *good
		r.Body = append([]byte(nil), good.Body[:len(good.Body)-1]...)
		r.Body = append(r.Body, more+"}"...)
		if _, err := v.Verify(t.Context(), &r); ReasonOf(err) != MalformedSignature {
			t.Errorf("with %s: %v", more, err)
		}
	}
	for _, inner := range []string{`{"id":"1","id":"2"}`, `{"id":"1","ID":"2"}`, `{"iD":"2","id":"1"}`} {
		r := sign(`{"sig":"","order":{"id":"1"},"items":[{"status":"paid"}],"note":"x"}`)
		r.Body = bytes.Replace(r.Body, []byte(`{"id":"1"}`), []byte(inner), 1)
		if _, err := v.Verify(t.Context(), r); ReasonOf(err) != MalformedSignature {
			t.Errorf("with %s: %v", inner, err)
		}
	}
}
