package verifiers

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestJSONWhereItIsNeeded sends bodies that are not JSON to every kind of scheme
// whose facts may stand in headers or in JSON.
func TestJSONWhereItIsNeeded(t *testing.T) {
	facts := Facts{
		Timestamp: Timestamp{From: "{header:X-Time}"},
		EventID:   []string{"{header:X-Source}#{header:X-Id}", "{json:source}#{json:id}"},
		EventType: []string{"{header:X-Type}", "{json:type}"},
	}
	mac := HMAC{Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}", Facts: facts}
	pair := pairs()["ed25519"]
	public := PublicKey{Algorithm: "ed25519", Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}", Facts: facts}
	web := JWT{Names: []string{"X-Sig"}, Algorithms: []string{"HS256"}, BodyHash: ClaimHash{Claim: "body"}, Facts: facts}
	for name, scheme := range map[string]struct {
		Signer
		verifier Verifier
		private  string
	}{
		"token":  {Signer: Token{Names: []string{"X-Sig"}, Facts: facts}, verifier: mustVerifier(t, Token{Names: []string{"X-Sig"}, Facts: facts}, "secret"), private: "secret"},
		"HMAC":   {Signer: mac, verifier: mustVerifier(t, mac, "secret"), private: "secret"},
		"key":    {Signer: public, verifier: mustVerifier(t, public, pair.public), private: pair.private},
		"JWT":    {Signer: web, verifier: mustVerifier(t, web, "secret"), private: "secret"},
		"reader": {Signer: mac, verifier: readerOf(t, facts), private: "secret"},
	} {
		for _, body := range []string{"", "<order/>", "plain", "\x00\xff\x01", `{"id":`, `{"id":"2"}`, "[]", `"text"`, `{"id":"1"}{"id":"2"}`, "NaN"} {
			for _, without := range []string{"", "X-Id", "X-Type", "X-Time"} {
				r := received(body, "X-Source", "s", "X-Id", "1", "X-Type", "t", "X-Time", "1600000000", "Content-Type", "application/octet-stream")
				if err := scheme.Sign(r, scheme.private, at1600, "1"); err != nil {
					t.Fatal(err)
				}
				r.Header.Del(without)
				ev, err := scheme.verifier.Verify(t.Context(), r)
				needs := without == "X-Id" || without == "X-Type"
				valid := validJSON(body)
				switch {
				case needs && !valid && ReasonOf(err) != MalformedBody:
					t.Errorf("%s: %q without %s: %v", name, body, without, err)
				case (!needs || valid) && err != nil:
					t.Errorf("%s: %q without %q: %v", name, body, without, err)
				case !needs && (ev.ID != "s#1" || ev.Type != "t"):
					t.Errorf("%s: %q: %+v", name, body, ev)
				}
			}
		}
	}
}

var at1600 = time.Unix(1600000000, 0)

// readerVerifier is a scheme of one's own that takes everything.
type readerVerifier struct{ reader *FactReader }

func (v readerVerifier) Verify(_ context.Context, r *Request) (ev Event, err error) {
	err = v.reader.Read(r, &ev)
	return ev, err
}

func readerOf(t *testing.T, facts Facts) Verifier {
	reader, err := facts.Reader(Covered{Body: true})
	if err != nil {
		t.Fatal(err)
	}
	return readerVerifier{reader}
}

// TestAddresseeInBrokenJSON has the fault of the document come first.
func TestAddresseeInBrokenJSON(t *testing.T) {
	token := Token{Names: []string{"X-Sig"}, Facts: Facts{Addressee: []Condition{{Of: "{json:to}", Is: []string{"me"}}}}}
	v := mustVerifier(t, token, "secret")
	for body, want := range map[string]Reason{`{"to":"me"}`: "", `{"to":"you"}`: WrongAudience, `{"to":"me"`: MalformedBody, `{"to":"me"}x`: MalformedBody} {
		r := &Request{Method: "POST", Header: http.Header{"X-Sig": {"secret"}}, Body: []byte(strings.Clone(body))}
		if _, err := v.Verify(t.Context(), r); ReasonOf(err) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}
