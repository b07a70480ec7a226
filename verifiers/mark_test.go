package verifiers

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// A byte order mark before JSON makes it no JSON (RFC 8259, section 8.1), as it is to
// the parsers of PHP, JavaScript and Go: a scheme that needs values refuses the body,
// and one that needs none takes it as it is.
func TestByteOrderMark(t *testing.T) {
	for want, facts := range map[Reason]Facts{
		"":            {EventID: []string{"{header:X-Id}"}},
		MalformedBody: {EventID: []string{"{json:id}"}},
	} {
		scheme := HMAC{Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}", Facts: facts}
		r := &Request{Method: "POST", Header: http.Header{}, Body: []byte("\ufeff{\"id\":\"1\"}")}
		if err := scheme.Sign(r, "s", time.Unix(1700000000, 0), "1"); err != nil {
			t.Fatal(err)
		}
		if ev, err := mustVerifier(t, scheme, "s").Verify(context.Background(), r); ReasonOf(err) != want || err == nil && ev.ID != "1" {
			t.Errorf("%v: %v, %+v", facts.EventID, err, ev)
		}
	}
}

// A signature's header that is there twice is refused, also with the same value: some
// readers take the first, some the last, and some join them into one that is neither.
func TestSignatureTwice(t *testing.T) {
	for name, scheme := range map[string]Scheme{
		"hmac":  HMAC{Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}"},
		"token": Token{Names: []string{"X-Sig"}},
	} {
		v := mustVerifier(t, scheme, "s")
		r := &Request{Method: "POST", Header: http.Header{}, Body: []byte("a")}
		if err := scheme.(Signer).Sign(r, "s", time.Unix(1700000000, 0), ""); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(context.Background(), r); err != nil {
			t.Errorf("%s once: %v", name, err)
		}
		r.Header["X-Sig"] = append(r.Header["X-Sig"], r.Header["X-Sig"][0])
		if _, err := v.Verify(context.Background(), r); ReasonOf(err) != MalformedSignature {
			t.Errorf("%s twice: %v", name, err)
		}
	}
}
