package providers_test

import (
	"net/http"
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
	signatures := v.signatureHeaders()
	for _, name := range signatures {
		_, without := v.judge(t, v.changed(func(r *verifiers.Request) { r.Header.Del(name) }), v.secrets...)
		if len(signatures) > 1 && without == "accepted" {
			continue // another of them vouches
		}
		switch s := v.scheme.(type) {
		case verifiers.HMAC:
			v.breedSignature(t, name, s.Signature)
		case verifiers.PublicKey:
			v.breedSignature(t, name, s.Signature)
		case verifiers.Token:
			v.refuses(t, "a longer token", set(name, v.request.Header.Get(name)+"x"))
			v.refuses(t, "a shorter token", set(name, v.request.Header.Get(name)[:len(v.request.Header.Get(name))-1]))
		case verifiers.JWT:
			v.breedJWT(t, name)
		}
	}
	if _, ok := v.scheme.(verifiers.Token); ok || v.provider.Name == "microsoft-graph" {
		return // a token covers nothing that it could be compared with
	}
	if ev.Signed.Body {
		v.breedBody(t, ev)
	}
	if ev.Signed.URL {
		v.flips(t, len(v.request.URL), "URL", func(r *verifiers.Request, i int) {
			r.URL = r.URL[:i] + string(r.URL[i]^1) + r.URL[i+1:]
		})
	}
}

// breedBody changes the signed part of the body. A packed body can be written in many
// ways; the unpacked one may not change.
func (v *vector) breedBody(t *testing.T, want verifiers.Event) {
	packed := v.request.Header.Get("Content-Encoding") != ""
	refuses := func(what string, change func(*verifiers.Request)) {
		ev, got := v.judge(t, v.changed(change), v.secrets...)
		if got == "accepted" && (!packed || string(ev.Content) != string(want.Content)) {
			t.Errorf("accepted with %s", what)
		}
	}
	for i := 0; i < len(v.request.Body); i += stride(len(v.request.Body)) {
		refuses("a changed byte in the body", func(r *verifiers.Request) {
			r.Body = slices.Clone(r.Body)
			r.Body[i] ^= 1
		})
	}
	refuses("a byte after the body", func(r *verifiers.Request) { r.Body = append(slices.Clip(r.Body), '\n') })
	if len(v.request.Body) > 0 {
		refuses("an empty body", func(r *verifiers.Request) { r.Body = nil })
	}
}

// changed returns a copy of the vector's request with a change.
func (v *vector) changed(change func(*verifiers.Request)) *verifiers.Request {
	r := *v.request
	r.Header = r.Header.Clone()
	change(&r)
	return &r
}

// set is the change of a header.
func set(name, to string) func(*verifiers.Request) {
	return func(r *verifiers.Request) { r.Header[http.CanonicalHeaderKey(name)] = []string{to} }
}

func (v *vector) refuses(t *testing.T, what string, change func(*verifiers.Request)) {
	t.Helper()
	if _, got := v.judge(t, v.changed(change), v.secrets...); got == "accepted" {
		t.Errorf("accepted with %s", what)
	}
}

// stride is 1 for a text that is short enough to change every byte.
func stride(n int) int { return 1 + max(n-1, 0)/512 }

// flips changes each of n bytes, or a sample where there are many.
func (v *vector) flips(t *testing.T, n int, what string, flip func(r *verifiers.Request, i int)) {
	t.Helper()
	for i := 0; i < n; i += stride(n) {
		v.refuses(t, "a changed byte in the "+what, func(r *verifiers.Request) { flip(r, i) })
	}
}

// breedSecrets tries other secrets, of every form that the scheme takes.
func (v *vector) breedSecrets(t *testing.T) {
	if _, err := v.scheme.Verifier(); err == nil && !v.provider.Secret.Optional {
		t.Error("a verifier without secrets")
	}
	if _, err := v.scheme.Verifier(append(slices.Clip(v.secrets), "")...); err == nil {
		t.Error("a verifier with an empty secret")
	}
	tried := 0
	for _, c := range credentials() {
		if _, err := v.scheme.Verifier(c.secret); err != nil || slices.Contains(v.secrets, c.secret) {
			continue
		}
		tried++
		if _, got := v.judge(t, v.request, c.secret); got == "accepted" {
			t.Error("accepted with another secret")
		}
	}
	if tried == 0 && len(v.secrets) == 1 {
		t.Error("no other secret could be tried")
	}
}

// breedHeaders changes every header. Where the request is still accepted, the
// parts that are reported as signed must be as before.
func (v *vector) breedHeaders(t *testing.T, want verifiers.Event) {
	_, token := v.scheme.(verifiers.Token)
	signatures := v.signatureHeaders()
	for name, values := range v.request.Header {
		for i := 0; i < len(values[0]); i += stride(len(values[0])) {
			got, verdict := v.judge(t, v.changed(set(name, values[0][:i]+string(values[0][i]^1)+values[0][i+1:])), v.secrets...)
			if verdict != "accepted" || token {
				continue
			}
			if got.Signed.ID && got.ID != want.ID || got.Signed.Type && got.Type != want.Type ||
				got.Signed.Timestamp && got.Timestamp != want.Timestamp || string(got.Content) != string(want.Content) {
				t.Errorf("a changed byte in %s changes the parts reported as signed: %+v", name, got)
			}
		}
		if len(signatures) != 1 || signatures[0] != name {
			continue
		}
		v.refuses(t, "no "+name, func(r *verifiers.Request) { r.Header.Del(name) })
		v.refuses(t, "an empty "+name, set(name, ""))
		if !v.repeated() {
			v.refuses(t, "a second "+name, func(r *verifiers.Request) { r.Header.Add(name, values[0]) })
		}
	}
}

// breedTypes sends the body under other media types, which nobody signs. A
// request that is still accepted has to be the same event.
func (v *vector) breedTypes(t *testing.T, want verifiers.Event) {
	for _, kind := range []string{
		"", "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ";",
	} {
		got, verdict := v.judge(t, v.changed(set("Content-Type", kind)), v.secrets...)
		if verdict == "accepted" && (got.ID != want.ID || got.Type != want.Type || got.Timestamp != want.Timestamp) {
			t.Errorf("as %q it is another event: %+v", kind, got)
		}
	}
}

// breedJWT rewrites the header that holds a token.
func (v *vector) breedJWT(t *testing.T, name string) {
	value := v.request.Header.Get(name)
	start := strings.LastIndexAny(value, " =") + 1
	before, token := value[:start], value[start:]
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%s does not end in a token", name)
	}
	for i := 0; i < len(token); i += stride(len(token)) {
		other := "A"
		if token[i] == 'A' {
			other = "B"
		}
		v.refuses(t, "a changed character in the token", set(name, before+token[:i]+other+token[i+1:]))
	}
	const none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0" // {"alg":"none","typ":"JWT"}
	for what, changed := range map[string]string{
		"the algorithm none":       none + "." + parts[1] + ".",
		"none and a signature":     none + "." + parts[1] + "." + parts[2],
		"no signature":             parts[0] + "." + parts[1] + ".",
		"half a signature":         parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])/2],
		"two parts":                parts[0] + "." + parts[1],
		"four parts":               token + "." + parts[2],
		"padding":                  token + "=",
		"the payload as signature": parts[0] + "." + parts[2] + "." + parts[1],
	} {
		v.refuses(t, what, set(name, before+changed))
	}
}
