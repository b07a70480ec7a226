package explain_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/explain"
)

// counting is a scheme in code that refuses everything and counts the work.
type counting struct {
	verifiers.HMAC
	calls, bytes *atomic.Int64
}

func (c counting) Verifier(secrets ...string) (verifiers.Verifier, error) {
	if _, err := c.HMAC.Verifier(secrets...); err != nil {
		return nil, err
	}
	return c, nil
}

func (c counting) Verify(_ context.Context, r *verifiers.Request) (verifiers.Event, error) {
	c.calls.Add(1)
	c.bytes.Add(int64(len(r.Body) + len(r.URL)))
	return verifiers.Event{}, verifiers.WrongSignature
}

// TestBounded: the number of verifications does not grow with the request, whatever a
// stranger puts into it.
func TestBounded(t *testing.T) {
	many := func(n int) http.Header {
		h := http.Header{"X-Signature": {"00"}}
		for i := range n {
			h.Add(fmt.Sprintf("X-Signature-%d", i), "Bearer \"00\"")
			h.Add(fmt.Sprintf("A.%d-X-Signature", i), "Bearer \"00\"")
			h.Add("X-Signature", "00")
		}
		return h
	}
	const size = 64 << 10
	for name, r := range map[string]*verifiers.Request{
		"headers":    {Header: many(2000), URL: target, Body: []byte("{}")},
		"segments":   {Header: many(0), URL: "https://a" + strings.Repeat("/a", 4000), Body: []byte("{}")},
		"parameters": {Header: many(0), URL: "https://a/?" + strings.Repeat("a=%20&", 4000), Body: []byte("{}")},
		"hosts": {Header: http.Header{"X-Signature": {"00"}, "X-Forwarded-Host": {strings.Repeat("a,b,", 2000)}, "Forwarded": {strings.Repeat("host=a,", 2000)}},
			URL: target, Body: []byte("{}")},
		"depth":   {Header: many(0), URL: target, Body: []byte(strings.Repeat("[", 1000) + strings.Repeat("1,", size/2) + "1" + strings.Repeat("]", 1000))},
		"escapes": {Header: many(0), URL: target, Body: []byte(`"` + strings.Repeat(`\u00e4`, size/6) + `"`)},
		"members": {Header: many(0), URL: target, Body: []byte(`{"a":1` + strings.Repeat(`,"a":1`, size/6) + `}`)},
		"form":    {Header: many(0), URL: target, Body: []byte(strings.Repeat("a=%20&", size/6))},
		"bytes":   {Header: many(0), URL: target, Body: []byte(strings.Repeat("\xff\xfe", size/2))},
	} {
		t.Run(name, func(t *testing.T) {
			r.Method = "POST"
			work := counting{calls: new(atomic.Int64), bytes: new(atomic.Int64)}
			work.Signature, work.Content = verifiers.Signature{Names: []string{"X-Signature"}}, "{url}{body}"
			c := explain.Case{Row: verifiers.Provider{Name: "counting", Scheme: work}, Secrets: []string{"secret"}, Request: r, Now: now}
			d := c.Diagnose(t.Context())
			if d.Reason != verifiers.WrongSignature || len(d.Causes) != 1 {
				t.Errorf("%+v", d)
			}
			if n := work.calls.Load(); n > 600 {
				t.Errorf("%d verifications", n)
			}
			sent := int64(len(r.Body) + len(r.URL))
			if n := work.bytes.Load(); n > 600*4*sent { // a changed body may be some times as long
				t.Errorf("%d bytes were verified for a request of %d", n, sent)
			}
			if len(d.Causes[0]) > 1000 {
				t.Errorf("a cause of %d bytes", len(d.Causes[0]))
			}
		})
	}
}

// TestFetchedOnce: a diagnosis asks for each document once.
func TestFetchedOnce(t *testing.T) {
	f := fixtureOf(t, "gcp-pubsub")
	source := &countedSource{}
	f.Secrets, f.Keys = nil, source
	if d := f.Diagnose(t.Context()); d.Reason != verifiers.UnavailableKey {
		t.Errorf("%+v", d)
	}
	if n := source.calls.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

type countedSource struct{ calls atomic.Int64 }

func (s *countedSource) Fetch(ctx context.Context, r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
	s.calls.Add(1)
	return downSource{}.Fetch(ctx, r)
}

// TestCode: of an endpoint with code of its own nothing is known but the reason, and a
// scheme in code says so.
func TestCode(t *testing.T) {
	f := fixtureOf(t, "github")
	c := explain.Case{Request: f.Request, Now: now, Err: verifiers.Refuse(verifiers.WrongSignature, "no")}
	d := c.Diagnose(t.Context())
	if d.Reason != verifiers.WrongSignature || d.Detail != "no" || len(d.Causes) != 1 || len(d.Steps) != 1 || d.Steps[0].State != verifiers.StepUnchecked {
		t.Errorf("%+v", d)
	}
	own := fixtureOf(t, "twilio").Diagnose(t.Context())
	if len(own.Steps) == 0 || !strings.Contains(own.Steps[0].Text, "code") {
		t.Errorf("%+v", own.Steps)
	}
}

// TestMendedSince: a request that was refused and verifies now is said to do so.
func TestMendedSince(t *testing.T) {
	f := fixtureOf(t, "github")
	f.Err = verifiers.Refuse(verifiers.WrongSignature, "no secret made the signature")
	d := f.Diagnose(t.Context())
	if d.Reason != verifiers.WrongSignature || len(d.Causes) != 1 || !strings.HasPrefix(d.Causes[0], "It verifies now.") {
		t.Errorf("%+v", d)
	}
}

// TestLimits: size and method are named with the endpoint's own limits.
func TestLimits(t *testing.T) {
	f := fixtureOf(t, "github")
	f.Row.MaxBody, f.Err = 10, verifiers.BodyTooLarge
	if d := f.Diagnose(t.Context()); len(d.Causes) != 1 || !strings.Contains(d.Causes[0], "and the endpoint takes 10") || d.Steps[0].State != verifiers.StepFailed {
		t.Errorf("%+v", d)
	}
	f = fixtureOf(t, "github")
	f.Request.Method, f.Err = "GET", verifiers.MethodNotAllowed
	if d := f.Diagnose(t.Context()); len(d.Causes) != 1 || !strings.Contains(d.Causes[0], "sends events by POST") || d.Steps[0].State != verifiers.StepFailed {
		t.Errorf("%+v", d)
	}
}

// TestSteps shows the steps of each kind of scheme.
func TestSteps(t *testing.T) {
	for _, test := range []struct {
		provider string
		change   func(f *fixture)
		want     []string // name, state and a part of the text
	}{
		{"stripe", func(f *fixture) { f.Secrets = append([]string{"whsec_b3RoZXI="}, f.Secrets...) }, []string{
			"header Stripe-Signature|ok|1 of 32 bytes in hex",
			"time|ok|2026-03-01T12:00:00Z",
			`signed content|ok|"1772366400" + "." + `,
			"secret 1 of 2|failed|14 characters, with whsec_; it does not match",
			"secret 2 of 2|ok|without whsec_; it matches",
			"age|ok|0s old; 5m past and 5m future are allowed",
		}},
		{"discord", func(f *fixture) { f.Request.Body = append(f.Request.Body, ' ') }, []string{
			"header X-Signature-Ed25519|ok|1 of 64 bytes in hex",
			"time|ok|", "signed content|ok|", "secret 1 of 1|failed|it does not match",
		}},
		{"monday", func(f *fixture) { f.Row.Scheme = altered(f.t, f.Row.Scheme, `{"options":{"audience":"https://b"}}`) }, []string{
			"header Authorization|ok|a JSON web token, HS256",
			"secret 1 of 1|ok|it matches",
			"addressee|failed|is not this endpoint's",
		}},
		{"gitlab-token", func(f *fixture) { f.Secrets = []string{"another"} }, []string{
			"header X-Gitlab-Token|ok|a token of 28 characters", "secret 1 of 1|failed|7 characters; it does not match",
		}},
		{"chargebee", func(f *fixture) { f.Request.Header.Del("Authorization") }, []string{
			"header Authorization|failed|no header Authorization", "secret 1 of 1|unchecked|25 characters",
		}},
	} {
		t.Run(test.provider, func(t *testing.T) {
			f := fixtureOf(t, test.provider)
			test.change(f)
			d := f.Diagnose(t.Context())
			i := 0
			for _, want := range test.want {
				parts := strings.SplitN(want, "|", 3)
				for i < len(d.Steps) && d.Steps[i].Name != parts[0] {
					i++
				}
				if i == len(d.Steps) || string(d.Steps[i].State) != parts[1] || !strings.Contains(d.Steps[i].Text, parts[2]) {
					t.Fatalf("%s is not among the steps in this order: %+v", want, d.Steps)
				}
			}
		})
	}
}
