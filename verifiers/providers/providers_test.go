package providers_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// secretFor returns a secret of the form a scheme wants.
func secretFor(s verifiers.Scheme) string {
	if h, ok := s.(verifiers.HMAC); ok && h.Secret.Encoding == "base64" {
		return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	}
	return "correct horse battery staple"
}

// filled completes the blank rows, which say nothing of where to look.
func filled(t *testing.T, p verifiers.Provider) verifiers.Scheme {
	t.Helper()
	fields := map[string]string{
		"hmac":  `{"signature":{"names":["X-Signature"]},"event_id":["{json:id}"],"event_type":["{json:type}"]}`,
		"token": `{"names":["X-Token"],"event_id":["{json:id}"],"event_type":["{json:type}"]}`,
	}[p.Name]
	if fields == "" {
		return p.Scheme
	}
	s, err := verifiers.Override(p.Scheme, json.RawMessage(fields))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSample signs every sample and wants it to be accepted, as of now.
func TestSample(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, p := range providers.All() {
		t.Run(p.Name, func(t *testing.T) {
			scheme := filled(t, p)
			secret := secretFor(scheme)
			id := p.Sample.NewID()
			r := p.Sample.Request("https://hooks.example.com/in?a=b", now, id)
			if err := scheme.(verifiers.Signer).Sign(r, secret, now, id); err != nil {
				t.Fatal(err)
			}
			v, err := scheme.Verifier(secret)
			if err != nil {
				t.Fatal(err)
			}
			ev, err := v.Verify(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if ev.Type == "" || ev.ID == "" {
				t.Errorf("no type or no ID: %+v", ev)
			}
			if p.Freshness.Tolerance != (verifiers.Tolerance{}) && p.Name != "hmac" {
				if !ev.Signed.Timestamp {
					t.Error("a tolerance for a time that is not signed")
				}
				if err := p.Freshness.Tolerance.Check(ev.Timestamp, now); err != nil {
					t.Errorf("%v at %v: %v", ev.Timestamp, now, err)
				}
			}
		})
	}
}

// TestRows checks what has to hold in every row.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range providers.All() {
		t.Run(p.Name, func(t *testing.T) {
			if seen[p.Name] {
				t.Error("the slug is there twice")
			}
			seen[p.Name] = true
			if got, ok := providers.Lookup(p.Name); !ok || !reflect.DeepEqual(got, p) {
				t.Error("Lookup returns another row")
			}
			f, d := p.Freshness, p.Dedupe
			if (f.Origin == verifiers.NoTime || f.Tolerance == verifiers.Tolerance{}) && f.Why == "" {
				t.Error("a time that is absent or not enforced, without a reason")
			}
			if (f.Tolerance.Past > 0) != (f.Tolerance.Future > 0) {
				t.Error("a tolerance with one side only")
			}
			if f.Origin == verifiers.EventTime && f.Tolerance.Past > 0 && f.Tolerance.Past <= p.Retries.Horizon {
				t.Errorf("the tolerance of %v would refuse the last of %v of retries", f.Tolerance.Past, p.Retries.Horizon)
			}
			if d.By != verifiers.ByNothing && d.Window < max(24*time.Hour, p.Retries.Horizon, f.Tolerance.Past+f.Tolerance.Future) {
				t.Errorf("the window of %v is too short", d.Window)
			}
			if d.Why == "" || p.Title == "" || p.Sample.Body == "" {
				t.Error("the row lacks a title, the reason of its dedupe rule, or a sample")
			}
		})
	}
}

// TestOverride makes a scheme of each row out of its JSON, as the Caddyfile's
// overrides do.
func TestOverride(t *testing.T) {
	for _, p := range providers.All() {
		got, err := verifiers.Override(p.Scheme, json.RawMessage(`{}`))
		if err != nil || !reflect.DeepEqual(got, p.Scheme) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", p.Name, err, got, p.Scheme)
		}
		if _, err := verifiers.Override(p.Scheme, json.RawMessage(`{"nmaes":[]}`)); err == nil {
			t.Errorf("%s: an unknown field is accepted", p.Name)
		}
	}
	p, _ := providers.Lookup("shopify")
	if _, err := verifiers.Override(p.Scheme, json.RawMessage(`{"signature":{"names":["X-Other"]}}`)); err != nil {
		t.Fatal(err)
	}
	if name := p.Scheme.(verifiers.HMAC).Signature.Names[0]; name == "X-Other" {
		t.Error("an override changed the row it was made from")
	}
}
