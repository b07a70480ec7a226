package providers_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestAttackSpelling writes signatures and tokens in ways that no provider does.
// A decoder that skips unknown characters would take them.
func TestAttackSpelling(t *testing.T) {
	attack(t, true, func(t *testing.T, v *vector, ev verifiers.Event) {
		signatures := v.signatureHeaders()
		if len(signatures) != 1 {
			return // another of them vouches
		}
		name := signatures[0]
		value := v.request.Header.Get(name)
		runs := base64Run.FindAllStringIndex(value, -1)
		if _, token := v.scheme.(verifiers.Token); token {
			end := len(strings.TrimRight(value, "="))
			runs = [][]int{{end - 1, end}}
		}
		if len(runs) == 0 {
			t.Fatal("there is no signature")
		}
		everywhere := func(change func(run string) string) string {
			text, end := "", 0
			for _, at := range runs {
				text, end = text+value[end:at[0]]+change(value[at[0]:at[1]]), at[1]
			}
			return text + value[end:]
		}
		for _, inserted := range []string{"\r\n", "\n", "\r", "\t", "\x00", "\x7f", "=", "%", "%3D", "\u00a0", "\ufeff", "\u200b", ".", "\xff", "?", "*", "é", "０"} {
			middle := everywhere(func(run string) string { return run[:len(run)/2] + inserted + run[len(run)/2:] })
			if _, ok := v.tries(t, set(name, middle)); ok {
				t.Errorf("accepted with %q inside", inserted)
			}
		}
		for _, around := range []string{"\r\n", "\n", "\x00", "\u00a0", "\ufeff", `"`, "'", "`", "<", "0x", "\\", "\xff"} {
			for _, text := range []string{value + around, around + value, around + value + around} {
				if got, ok := v.tries(t, set(name, text)); ok && !same(got, ev) {
					t.Errorf("as %q it is another event", text)
				}
			}
		}
		for what, text := range map[string]string{
			"in the other case": everywhere(swapCase),
			"backwards":         everywhere(backwards),
			"of null bytes":     everywhere(func(run string) string { return strings.Repeat("\x00", len(run)) }),
			"of zeros":          everywhere(func(run string) string { return strings.Repeat("0", len(run)) }),
			"of As":             everywhere(func(run string) string { return strings.Repeat("A", len(run)) }),
			"twice":             everywhere(func(run string) string { return run + run }),
			"of nothing":        everywhere(func(string) string { return "" }),
			"null":              "null", "true": "true", "undefined": "undefined", "[]": "[]", "a comma": ",", "commas": ",,,,", "an equals sign": "=", "spaces": "    ",
		} {
			if text == value || what == "in the other case" && (isHex(v) || runs[0][1]-runs[0][0] == 1) {
				continue // the same, or another token of the endpoint's
			}
			if _, ok := v.tries(t, set(name, text)); ok {
				t.Errorf("accepted with a signature %s", what)
			}
		}
	})
}

// isHex tells whether signatures are in hex, of which the case does not matter.
func isHex(v *vector) bool {
	switch s := v.scheme.(type) {
	case verifiers.HMAC:
		return strings.HasPrefix(s.Signature.Encoding, "hex") || s.Signature.Encoding == ""
	case verifiers.PublicKey:
		return strings.HasPrefix(s.Signature.Encoding, "hex") || s.Signature.Encoding == ""
	}
	return false
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		case '0' <= r && r <= '9': // so that a text without letters changes too
			return '0' + (r-'0'+1)%10
		}
		return r
	}, s)
}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	if string(b) == s {
		return s + "0"
	}
	return string(b)
}

// TestAttackLists sends lists of ten thousand signatures, of which the last is the
// right one: nobody computes that much for a stranger.
func TestAttackLists(t *testing.T) {
	attack(t, true, func(t *testing.T, v *vector, _ verifiers.Event) {
		for _, name := range v.signatureHeaders() {
			value := v.request.Header.Get(name)
			at := base64Run.FindAllStringIndex(value, -1)
			if at == nil {
				continue
			}
			last := at[len(at)-1]
			wrong := value[:last[0]] + strings.Repeat("0", last[1]-last[0]) + value[last[1]:]
			for _, separator := range []string{",", ", ", " ", ";", "&", "|"} {
				list := strings.Repeat(wrong+separator, 10_000) + value
				if _, ok := v.tries(t, set(name, list)); ok {
					t.Errorf("accepted with 10,000 others in %s, parted by %q", name, separator)
				}
			}
			// As many headers, where it may be there more than once.
			many := append(slices.Repeat([]string{wrong}, 10_000), value)
			if _, ok := v.tries(t, func(r *verifiers.Request) { r.Header[name] = many }); ok {
				t.Errorf("accepted with 10,000 other headers %s", name)
			}
		}
	})
}

// TestAttackSwap sends a request that one provider signed to the endpoint of another
// that looks for its signature in a header of the same name.
func TestAttackSwap(t *testing.T) {
	all, err := genuine()
	if err != nil {
		t.Fatal(err)
	}
	by := map[string][]*vector{}
	for _, v := range all {
		for _, name := range v.signatureHeaders() {
			by[name] = append(by[name], v)
		}
	}
	tried := 0
	for name, vectors := range by {
		for _, signed := range vectors {
			if len(base64Run.FindAllString(signed.request.Header.Get(name), -1)) > 1 {
				continue // of which each may be somebody else's
			}
			for _, endpoint := range vectors {
				if signed.provider.Name == endpoint.provider.Name || share(signed, endpoint) {
					continue // with one secret it may well be the same scheme
				}
				tried++
				if ev, err := endpoint.verify(t, signed.request); err == nil {
					t.Errorf("%s: the request of %s/%s is accepted by %s/%s: %+v", name, signed.provider.Name, signed.name, endpoint.provider.Name, endpoint.name, ev)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d pairs", tried)
	}
}

// share tells whether two vectors' endpoints have a secret in common.
func share(a, b *vector) bool {
	bare := strings.NewReplacer("whsec_", "", "whpk_", "")
	return len(b.secrets) == 0 || slices.ContainsFunc(a.secrets, func(s string) bool {
		return slices.ContainsFunc(b.secrets, func(other string) bool { return bare.Replace(s) == bare.Replace(other) })
	})
}

// verify asks the vector's verifier about another request.
func (v *vector) verify(t *testing.T, r *verifiers.Request) (verifiers.Event, error) {
	verifier, err := v.scheme.Verifier(v.secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return verifier.Verify(t.Context(), r)
}

// TestAttackMix puts the body of one genuine request under the headers of another.
func TestAttackMix(t *testing.T) {
	all, err := genuine()
	if err != nil {
		t.Fatal(err)
	}
	attack(t, false, func(t *testing.T, v *vector, ev verifiers.Event) {
		if !ev.Signed.Body || v.provider.Name == "microsoft-graph" {
			return
		}
		for i, other := range all {
			if other.provider.Name != v.provider.Name && i%40 != len(v.name)%40 { // all of its own, and some of others
				continue
			}
			if string(other.request.Body) == string(v.request.Body) {
				continue
			}
			got, ok := v.tries(t, func(r *verifiers.Request) { r.Body = other.request.Body })
			if ok && string(got.Content) != string(ev.Content) {
				t.Errorf("accepted with the body of %s/%s", other.provider.Name, other.name)
			}
		}
	})
}
