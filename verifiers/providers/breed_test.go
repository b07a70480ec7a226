package providers_test

import (
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// breed derives rejections from an accepted vector, and spellings of its
// signature that have to be accepted as well.
func (v *vector) breed(t *testing.T, ev verifiers.Event) {
	v.breedSecrets(t)
	v.breedHeaders(t, ev)
	v.breedTypes(t, ev)
	for _, name := range v.signatureHeaders() {
		v.breedSignature(t, name)
	}
	if _, ok := v.scheme.(verifiers.HMAC); !ok {
		return // a token covers nothing that it could be compared with
	}
	if ev.Signed.Body {
		v.flips(t, len(v.request.Body), "body", func(r *verifiers.Request, i int) {
			r.Body = slices.Clone(r.Body)
			r.Body[i] ^= 1
		})
		v.refuses(t, "a byte after the body", func(r *verifiers.Request) { r.Body = append(slices.Clip(r.Body), '\n') })
		v.refuses(t, "an empty body", func(r *verifiers.Request) { r.Body = nil })
	}
	if ev.Signed.URL {
		v.flips(t, len(v.request.URL), "URL", func(r *verifiers.Request, i int) {
			r.URL = r.URL[:i] + string(r.URL[i]^1) + r.URL[i+1:]
		})
	}
}

// changed returns a copy of the vector's request with a change.
func (v *vector) changed(change func(*verifiers.Request)) *verifiers.Request {
	r := *v.request
	r.Header = r.Header.Clone()
	change(&r)
	return &r
}

func (v *vector) refuses(t *testing.T, what string, change func(*verifiers.Request)) {
	t.Helper()
	if _, got := v.judge(t, v.changed(change), v.secrets...); got == "accepted" {
		t.Errorf("accepted with %s", what)
	}
}

func (v *vector) accepts(t *testing.T, what string, change func(*verifiers.Request)) {
	t.Helper()
	if _, got := v.judge(t, v.changed(change), v.secrets...); got != "accepted" {
		t.Errorf("%s with %s", got, what)
	}
}

// flips changes each of n bytes, or a sample where there are many.
func (v *vector) flips(t *testing.T, n int, what string, flip func(r *verifiers.Request, i int)) {
	t.Helper()
	for i := 0; i < n; i += 1 + n/512 {
		v.refuses(t, "a changed byte in the "+what, func(r *verifiers.Request) { flip(r, i) })
	}
}

func (v *vector) breedSecrets(t *testing.T) {
	if _, err := v.scheme.Verifier(); err == nil {
		t.Error("a verifier without secrets")
	}
	if _, err := v.scheme.Verifier(append(slices.Clip(v.secrets), "")...); err == nil {
		t.Error("a verifier with an empty secret")
	}
	other := "QW5vdGhlciBzZWNyZXQ=" // as text and as base64
	if _, ok := v.scheme.(verifiers.Token); ok {
		other = "another:secret"
	}
	if _, got := v.judge(t, v.request, other); got == "accepted" {
		t.Error("accepted with another secret")
	}
}

// breedHeaders changes every header. Where the request is still accepted, what
// is said to be signed must not have changed with it.
func (v *vector) breedHeaders(t *testing.T, want verifiers.Event) {
	_, token := v.scheme.(verifiers.Token)
	for name, values := range v.request.Header {
		signature := slices.Contains(v.signatureHeaders(), name)
		for i := range values[0] {
			r := v.changed(func(r *verifiers.Request) {
				r.Header.Set(name, values[0][:i]+string(values[0][i]^1)+values[0][i+1:])
			})
			got, verdict := v.judge(t, r, v.secrets...)
			if verdict != "accepted" || token {
				continue
			}
			if got.Signed.ID && got.ID != want.ID || got.Signed.Type && got.Type != want.Type ||
				got.Signed.Timestamp && got.Timestamp != want.Timestamp || string(got.Content) != string(want.Content) {
				t.Errorf("a changed byte in %s changes what is said to be signed: %+v", name, got)
			}
		}
		for what, change := range map[string]func(*verifiers.Request){
			"no ":       func(r *verifiers.Request) { r.Header.Del(name) },
			"an empty ": func(r *verifiers.Request) { r.Header.Set(name, "") },
			"a second ": func(r *verifiers.Request) { r.Header.Add(name, values[0]) },
		} {
			_, verdict := v.judge(t, v.changed(change), v.secrets...)
			if verdict == "accepted" && signature {
				t.Errorf("accepted with %s%s", what, name)
			}
		}
	}
}

// breedTypes sends the body under other media types, which nobody signs. What
// is still accepted has to be the same event.
func (v *vector) breedTypes(t *testing.T, want verifiers.Event) {
	for _, kind := range []string{
		"", "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ";",
	} {
		got, verdict := v.judge(t, v.changed(func(r *verifiers.Request) { r.Header.Set("Content-Type", kind) }), v.secrets...)
		if verdict == "accepted" && (got.ID != want.ID || got.Type != want.Type || got.Timestamp != want.Timestamp) {
			t.Errorf("as %q it is another event: %+v", kind, got)
		}
	}
}

// signatureHeaders are the headers of the request that hold its signature.
func (v *vector) signatureHeaders() []string {
	var names []string
	switch s := v.scheme.(type) {
	case verifiers.HMAC:
		for _, name := range s.Signature.Names {
			if rest, ok := strings.CutPrefix(name, "*"); ok {
				for _, start := range s.Variants {
					names = append(names, start+rest)
				}
			} else {
				names = append(names, name)
			}
		}
	case verifiers.Token:
		names = s.Names
		if s.From == "basic" || s.From == "bearer" {
			names = []string{"Authorization"}
		}
	}
	var present []string
	for _, name := range names {
		if name = textproto.CanonicalMIMEHeaderKey(name); v.request.Header.Get(name) != "" {
			present = append(present, name)
		}
	}
	return present
}

var (
	hexRun    = regexp.MustCompile(`[0-9a-f]{32,}`)
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/]{42,}=*`)
)

// breedSignature rewrites the header that holds the signature.
func (v *vector) breedSignature(t *testing.T, name string) {
	value := v.request.Header.Get(name)
	set := func(to string) func(*verifiers.Request) {
		return func(r *verifiers.Request) { r.Header[http.CanonicalHeaderKey(name)] = []string{to} }
	}
	run := base64Run
	h, ok := v.scheme.(verifiers.HMAC)
	switch {
	case !ok:
		v.refuses(t, "a longer token", set(value+"x"))
		v.refuses(t, "a shorter token", set(value[:len(value)-1]))
		return
	case h.Signature.Encoding == "" || h.Signature.Encoding == "hex":
		run = hexRun
		v.accepts(t, "upper-case hex", set(run.ReplaceAllStringFunc(value, strings.ToUpper)))
	default:
		v.accepts(t, "base64 without padding", set(run.ReplaceAllStringFunc(value, func(s string) string { return strings.TrimRight(s, "=") })))
	}
	change := func(f func(sig string) string) func(*verifiers.Request) {
		return set(run.ReplaceAllStringFunc(value, f))
	}
	v.refuses(t, "a signature cut to half", change(func(s string) string { return s[:len(s)/2] }))
	v.refuses(t, "a signature of four characters", change(func(s string) string { return s[:4] }))
	v.refuses(t, "a longer signature", change(func(s string) string { return s[:4] + s }))
	v.refuses(t, "an empty signature", change(func(string) string { return "" }))
	v.refuses(t, "a signature that is no encoding of anything", change(func(s string) string { return strings.Repeat("*", len(s)) }))
	for i := range run.FindString(value) {
		v.refuses(t, "a changed character in each signature", change(func(s string) string {
			i, other := i%len(strings.TrimRight(s, "=")), "0"
			if s[i] == '0' {
				other = "1"
			}
			return s[:i] + other + s[i+1:]
		}))
	}
}
