package providers_test

import (
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// signatureHeaders are the headers of the request that hold its signature, as
// far as the scheme tells. One that is there more than once is left alone.
func (v *vector) signatureHeaders() []string {
	var names []string
	started := func(all, starts []string) {
		for _, name := range all {
			if rest, ok := strings.CutPrefix(name, "*"); ok {
				for _, start := range starts {
					names = append(names, start+rest)
				}
			} else {
				names = append(names, name)
			}
		}
	}
	from := ""
	switch s := v.scheme.(type) {
	case verifiers.HMAC:
		started(s.Signature.Names, s.Variants)
		from = s.Signature.From
	case verifiers.PublicKey:
		started(s.Signature.Names, s.Variants)
		from = s.Signature.From
	case verifiers.Token:
		names, from = s.Names, s.From
	case verifiers.JWT:
		names, from = s.Names, s.From
	}
	switch from {
	case "basic", "bearer":
		names = []string{"Authorization"}
	case "", "header":
	default:
		return nil
	}
	var present []string
	for _, name := range names {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if values := v.request.Header[name]; len(values) == 1 && values[0] != "" {
			present = append(present, name)
		}
	}
	return present
}

// repeated tells whether the signature's header may be there more than once.
func (v *vector) repeated() bool {
	switch s := v.scheme.(type) {
	case verifiers.HMAC:
		return s.Signature.Repeated
	case verifiers.PublicKey:
		return s.Signature.Repeated
	}
	return false
}

// The forms of signatures. The shortest is an MD5.
var (
	hexRun    = regexp.MustCompile(`[0-9a-fA-F]{32,}`)
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{22,}=*`)
)

// breedSignature rewrites the header that holds a signature. Other texts that
// look like one, such as the ID of a key, are rewritten with it.
func (v *vector) breedSignature(t *testing.T, name string, s verifiers.Signature) {
	value := v.request.Header.Get(name)
	run, what, respell := base64Run, "base64 without padding", func(s string) string { return strings.TrimRight(s, "=") }
	switch s.Encoding {
	case "", "hex":
		run, what, respell = hexRun, "upper-case hex", strings.ToUpper
	case "hex_upper":
		run, what, respell = hexRun, "lower-case hex", strings.ToLower
	}
	found := run.FindAllStringIndex(value, -1)
	if len(found) == 0 {
		t.Fatalf("%s has nothing that looks like a signature", name)
	}
	accepted := false
	for _, at := range found {
		respelt := value[:at[0]] + respell(value[at[0]:at[1]]) + value[at[1]:]
		_, got := v.judge(t, v.changed(set(name, respelt)), v.secrets...)
		accepted = accepted || got == "accepted"
	}
	if !accepted {
		t.Errorf("refused with %s", what)
	}
	change := func(f func(sig string) string) func(*verifiers.Request) {
		return set(name, run.ReplaceAllStringFunc(value, f))
	}
	v.refuses(t, "a signature cut to half", change(func(s string) string { return s[:len(s)/2] }))
	v.refuses(t, "a signature of four characters", change(func(s string) string { return s[:4] }))
	v.refuses(t, "a longer signature", change(func(s string) string { return s[:4] + s }))
	v.refuses(t, "a signature with bytes after it", change(func(s string) string { return strings.TrimRight(s, "=") + s[:4] }))
	v.refuses(t, "an empty signature", change(func(string) string { return "" }))
	v.refuses(t, "a signature that is no encoding of anything", change(func(s string) string { return strings.Repeat("*", len(s)) }))
	first := value[found[0][0]:found[0][1]]
	for i := 0; i < len(first); i += stride(len(first)) {
		v.refuses(t, "a changed character in each signature", change(func(s string) string {
			i, other := i%len(strings.TrimRight(s, "=")), "0"
			if s[i] == '0' {
				other = "1"
			}
			return s[:i] + other + s[i+1:]
		}))
	}
}
