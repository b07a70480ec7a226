// Package oracles lets the providers' own SDKs judge the gateway: what an SDK
// signs has to verify here, and what is signed here has to verify there. It is a
// module of its own, so that nobody who builds the gateway downloads an SDK.
package oracles

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// A judge is an SDK that signs or verifies as a provider does. The list of
// those in Go is in judges_*_test.go, one file a field; those in JavaScript are
// in sdk/.
type judge struct {
	provider string
	sdk      string // the module's path

	secret  string            // what an endpoint would be given
	private string            // what signs, where that is another
	options map[string]string // of the endpoint
	url     string            // default: https://hooks.example.com/in
	body    string            // default: the row's sample

	// sign lets the SDK sign a request that has everything else. nil: it cannot.
	sign func(r *verifiers.Request, now time.Time, id string) error

	// verify lets the SDK check a request. nil: it cannot.
	verify func(r *verifiers.Request) error

	// blind says what the SDK does not see: "body" where it takes a changed body
	// because the scheme does not cover it.
	blind string

	// weakness is what is known to be missing in the SDK's own check, for the
	// reader; nothing here works around it.
	weakness string
}

// judges is filled by the init functions of judges_*_test.go.
var judges []judge

func TestJudges(t *testing.T) {
	for _, j := range judges {
		t.Run(j.provider+"/"+j.sdk, func(t *testing.T) {
			if j.sign == nil && j.verify == nil {
				t.Fatal("it neither signs nor verifies")
			}
			if j.verify != nil {
				t.Run("verifies what we sign", j.ours)
			}
			if j.sign != nil {
				t.Run("signs what we verify", j.theirs)
			}
		})
	}
}

// scheme is the row's, with the judge's options.
func (j *judge) scheme(t testing.TB) (verifiers.Provider, verifiers.Scheme) {
	t.Helper()
	row, ok := providers.Lookup(j.provider)
	if !ok {
		t.Fatalf("no provider %q", j.provider)
	}
	if len(j.options) == 0 {
		return row, row.Scheme
	}
	fields, err := json.Marshal(map[string]any{"options": j.options})
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := verifiers.Override(row.Scheme, fields)
	if err != nil {
		t.Fatal(err)
	}
	return row, scheme
}

func (j *judge) request(row verifiers.Provider, now time.Time, id string) *verifiers.Request {
	url := j.url
	if url == "" {
		url = "https://hooks.example.com/in"
	}
	r := row.Sample.Request(url, now, id)
	if j.body != "" {
		r.Body = []byte(j.body)
	}
	return r
}

// ours signs a request with the gateway and shows it to the SDK.
func (j *judge) ours(t *testing.T) {
	row, scheme := j.scheme(t)
	now, id := time.Now(), row.Sample.NewID()
	r := j.request(row, now, id)
	secret := j.secret
	if j.private != "" {
		secret = j.private
	}
	if err := scheme.(verifiers.Signer).Sign(r, secret, now, id); err != nil {
		t.Fatal(err)
	}
	if err := j.verify(clone(r)); err != nil {
		t.Fatalf("the SDK refuses what we signed: %v\n%v\n%s", err, r.Header, r.Body)
	}
	if j.blind != "body" {
		forged := clone(r)
		forged.Body = forge(forged.Body)
		if err := j.verify(forged); err == nil {
			t.Error("the SDK accepts a changed body: it judges nothing")
		}
	}
}

// theirs lets the SDK sign a request and verifies it as the gateway does.
func (j *judge) theirs(t *testing.T) {
	row, scheme := j.scheme(t)
	now, id := time.Now(), row.Sample.NewID()
	r := j.request(row, now, id)
	if err := j.sign(r, now, id); err != nil {
		t.Fatal(err)
	}
	v, err := scheme.Verifier(j.secret)
	if err != nil {
		t.Fatal(err)
	}
	event, err := v.Verify(t.Context(), r)
	if err == nil {
		err = row.Freshness.Check(event, now)
	}
	if err != nil {
		t.Fatalf("we refuse what the SDK signed: %v\n%v\n%s", err, r.Header, r.Body)
	}
	if event.Signed.Body {
		forged := clone(r)
		forged.Body = forge(forged.Body)
		if _, err := v.Verify(t.Context(), forged); err == nil {
			t.Error("we accept a changed body")
		}
	}
}

func clone(r *verifiers.Request) *verifiers.Request {
	c := *r
	c.Header, c.Body = r.Header.Clone(), bytes.Clone(r.Body)
	return &c
}

// forge changes a letter within the last string or field of a body, so that it
// is still what it was but for its meaning.
func forge(body []byte) []byte {
	body = bytes.Clone(body)
	for i := len(body) - 1; i >= 0; i-- {
		if c := body[i]; 'b' <= c && c <= 'y' && (i == 0 || body[i-1] != '\\') {
			body[i]++
			return body
		}
	}
	return append(body, ' ')
}

// httpRequest makes r a request as a server would hand it to the SDK.
func httpRequest(r *verifiers.Request) (*http.Request, error) {
	hr, err := http.NewRequest(r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	hr.Header = r.Header.Clone()
	return hr, nil
}

var update = flag.Bool("update", false, "write judges-go.json anew")

// TestListed compares the judges here with judges-go.json, of which, together
// with judges-js.json, the catalogue's table is made.
func TestListed(t *testing.T) {
	type listing struct {
		Provider string `json:"provider"`
		SDK      string `json:"sdk"`
		Does     string `json:"does"`
		Weakness string `json:"weakness,omitempty"`
	}
	var list []listing
	for _, j := range judges {
		list = append(list, listing{j.provider, j.sdk, j.does(), j.weakness})
	}
	slices.SortFunc(list, func(a, b listing) int {
		return strings.Compare(a.Provider+" "+a.SDK, b.Provider+" "+b.SDK)
	})
	have, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	have = append(have, '\n')
	if *update {
		if err := os.WriteFile("judges-go.json", have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile("judges-go.json"); err != nil || !bytes.Equal(have, want) {
		t.Errorf("judges-go.json is not the list of the judges here; go test -update writes it (%v)", err)
	}
}

func (j *judge) does() string {
	switch {
	case j.sign == nil:
		return "verifies"
	case j.verify == nil:
		return "signs"
	}
	return "signs and verifies"
}
