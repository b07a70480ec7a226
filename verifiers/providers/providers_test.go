package providers_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// filled completes the blank rows, which say nothing of where to look, and gives
// a scheme the options that it cannot do without.
func filled(t *testing.T, p verifiers.Provider) verifiers.Scheme {
	t.Helper()
	const facts = `"event_id":["{json:id}"],"event_type":["{json:type}"]`
	fields := map[string]string{
		"hmac":    `{"signature":{"names":["X-Signature"]},` + facts + `}`,
		"token":   `{"names":["X-Token"],` + facts + `}`,
		"jwt":     `{"names":["X-Token"],"algorithms":["HS256"],` + facts + `}`,
		"ed25519": `{"signature":{"names":["X-Signature"]},` + facts + `}`,
		"ecdsa":   `{"signature":{"names":["X-Signature"],"encoding":"base64"},` + facts + `}`,
		"rsa":     `{"signature":{"names":["X-Signature"],"encoding":"base64"},` + facts + `}`,
	}[p.Name]
	if fields == "" {
		fields = "{}"
	}
	s, err := verifiers.Override(p.Scheme, json.RawMessage(fields))
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]string{}
	for _, o := range p.Options {
		if o.Required || o.Paired {
			given[o.Name], _, _ = strings.Cut(o.Example, " ")
		}
	}
	if len(given) == 0 {
		return s
	}
	options, err := json.Marshal(map[string]any{"options": given})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = verifiers.Override(s, options); err != nil {
		t.Fatal(err)
	}
	return s
}

// blank tells whether a row says next to nothing, so that the endpoint has to.
func blank(p verifiers.Provider) bool {
	return slices.Contains([]string{"hmac", "token", "jwt", "ed25519", "ecdsa", "rsa"}, p.Name)
}

// TestSample signs every sample and wants it to be accepted, as of now.
func TestSample(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, p := range providers.All() {
		t.Run(p.Name, func(t *testing.T) {
			scheme := filled(t, p)
			if _, ok := scheme.(verifiers.Signer); !ok {
				if !p.Secret.Optional && p.Why == "" {
					t.Error("nobody can sign for it, and the row does not say why")
				}
				return
			}
			id := p.Sample.NewID()
			var errs []error
			for _, c := range credentials() {
				// Most forms of secrets do not fit the scheme, and some
				// are a private key as well as a public one.
				ev, err := signAndVerify(t, scheme, p.Sample.Request("https://hooks.example.com/in?a=b", now, id), c, now, id)
				if err == nil {
					checkSample(t, p, scheme, ev, now)
					return
				}
				if !slices.ContainsFunc(errs, func(other error) bool { return other.Error() == err.Error() }) {
					errs = append(errs, err)
				}
			}
			t.Fatal(errors.Join(errs...))
		})
	}
}

// signAndVerify signs a request and verifies it.
func signAndVerify(t *testing.T, s verifiers.Scheme, r *verifiers.Request, c credential, now time.Time, id string) (ev verifiers.Event, err error) {
	if err := s.(verifiers.Signer).Sign(r, c.signs, now, id); err != nil {
		return ev, err
	}
	v, err := s.Verifier(c.secret)
	if err != nil {
		return ev, err
	}
	return v.Verify(t.Context(), r)
}

// checkSample checks a sample's event for the promises of its row.
func checkSample(t *testing.T, p verifiers.Provider, scheme verifiers.Scheme, ev verifiers.Event, now time.Time) {
	field := reflect.ValueOf(scheme).FieldByName("Facts")
	if !field.IsValid() {
		t.Fatal("the scheme does not embed verifiers.Facts")
	}
	facts := field.Interface().(verifiers.Facts)
	if promised(facts.EventID) && ev.ID == "" {
		t.Errorf("no ID: %+v", ev)
	}
	if promised(facts.EventType) && ev.Type == "" {
		t.Errorf("no type: %+v", ev)
	}
	if p.Freshness.Tolerance != (verifiers.Tolerance{}) && !blank(p) && !ev.Signed.Timestamp && !p.Freshness.Unsigned {
		t.Error("a tolerance for a time that is not signed")
	}
	if blank(p) {
		return
	}
	if err := p.Freshness.Check(ev, now); err != nil {
		t.Errorf("%v at %v: %v", ev.Timestamp, now, err)
	}
}

// promised reports whether a sample has to have a value in one of the places. A
// sample has no URL of its own.
func promised(places []string) bool {
	return slices.ContainsFunc(places, func(place string) bool { return !strings.Contains(place, "{query:") })
}

// TestRows checks the rules for every row.
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
			if len(p.Docs) == 0 && !blank(p) && !slices.Contains([]string{"generic", "taskflow", "toolify"}, p.Name) {
				t.Error("the row does not say where its facts come from")
			}
		})
	}
}

var optionToken = regexp.MustCompile(`\{option:([^}]*)\}`)

// TestOptions wants every option that a row's templates use to be among its
// options, and the reverse, which holds for data: code may use one in any way.
func TestOptions(t *testing.T) {
	for _, p := range providers.All() {
		text, err := json.Marshal([]any{p.Scheme, p.Handshakes})
		if err != nil {
			t.Fatal(err)
		}
		used := map[string]bool{}
		for _, m := range optionToken.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
		for _, o := range p.Options {
			data := false
			switch s := p.Scheme.(type) {
			case verifiers.HMAC:
				data, used["key"] = true, used["key"] || s.KeyID != ""
			case verifiers.JWT:
				data, used["key"] = true, used["key"] || s.KeyID != ""
			case verifiers.PublicKey:
				data, used["key"] = true, used["key"] || s.Keys.KeyID != ""
			case verifiers.Token:
				data = true
			}
			if data && !used[o.Name] {
				t.Errorf("%s: nothing uses the option %s", p.Name, o.Name)
			}
			delete(used, o.Name)
			if o.What == "" || o.Required && o.Example == "" {
				t.Errorf("%s: the option %s lacks a description or an example", p.Name, o.Name)
			}
			if o.Pattern != "" {
				for _, value := range strings.Fields(o.Example) {
					if ok, err := regexp.MatchString("^(?:"+o.Pattern+")$", value); !ok || err != nil {
						t.Errorf("%s: the example of the option %s does not match its pattern (%v)", p.Name, o.Name, err)
					}
				}
			}
		}
		delete(used, "key") // naming one's keys is optional
		for name := range used {
			t.Errorf("%s: a template uses the option %s, which the row does not have", p.Name, name)
		}
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
