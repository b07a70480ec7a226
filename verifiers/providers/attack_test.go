package providers_test

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// The attacks take every genuine request of the catalogue, an accepted vector,
// and change it as an attacker could who saw it once, or who can send any request.

var genuine = sync.OnceValues(func() (all []*vector, err error) {
	paths, err := filepath.Glob("../testdata/*/*.txtar")
	for _, path := range paths {
		v, err := readVector(path)
		if err != nil {
			return nil, err
		}
		if v.expect == "accepted" {
			all = append(all, v)
		}
	}
	return all, err
})

// attack runs an attack on every genuine request. Those with a token, which
// vouches for whatever comes with it, are left out unless tokens is set.
func attack(t *testing.T, tokens bool, run func(t *testing.T, v *vector, ev verifiers.Event)) {
	all, err := genuine()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if _, token := v.scheme.(verifiers.Token); token && !tokens {
			continue
		}
		t.Run(v.provider.Name+"/"+v.name, func(t *testing.T) {
			ev, got := v.judge(t, v.request, v.secrets...)
			if got != "accepted" {
				t.Fatal(got)
			}
			run(t, v, ev)
		})
	}
}

// tries sends a changed request and returns whether it was accepted.
func (v *vector) tries(t *testing.T, change func(*verifiers.Request)) (verifiers.Event, bool) {
	t.Helper()
	ev, got := v.judge(t, v.changed(change), v.secrets...)
	return ev, got == "accepted"
}

// same tells whether two events are the same to those who deduplicate them and
// take them in.
func same(a, b verifiers.Event) bool {
	return a.ID == b.ID && a.Type == b.Type && a.Timestamp.Equal(b.Timestamp) && string(a.Content) == string(b.Content)
}

// TestAttackTwins adds a second header, parameter, field or member of a name
// beside one that is signed: the gateway could judge one of them and the app take
// the other. Signed parts are those that cannot be changed.
func TestAttackTwins(t *testing.T) {
	attack(t, false, func(t *testing.T, v *vector, ev verifiers.Event) {
		v.twinHeaders(t)
		v.twinParameters(t)
		if !ev.Signed.Body || !wholeBody(v) {
			v.twinFields(t)
			v.twinMembers(t)
		}
	})
}

// wholeBody reports whether the bytes of the body are signed, so that nothing can be
// added to it.
func wholeBody(v *vector) bool {
	switch s := v.scheme.(type) {
	case verifiers.HMAC:
		return strings.Contains(s.Content, "{body")
	case verifiers.PublicKey:
		return strings.Contains(s.Content, "{body")
	case verifiers.JWT:
		return true
	}
	return false
}

func (v *vector) twinHeaders(t *testing.T) {
	for name, values := range v.request.Header {
		if name == "Content-Type" || v.repeated() && v.isSignature(name) {
			continue // which is nobody's to sign; see breedTypes
		}
		if _, ok := v.tries(t, set(name, flipped(values[0]))); ok {
			continue // it is not signed
		}
		for what, twins := range map[string][]string{
			"after it":  append(slices.Clone(values), flipped(values[0])),
			"before it": append([]string{flipped(values[0])}, values...),
			"empty":     append([]string{""}, values...),
			"equal":     append(slices.Clone(values), values...),
		} {
			if _, ok := v.tries(t, func(r *verifiers.Request) { r.Header[name] = twins }); ok {
				t.Errorf("accepted with a second %s (%s)", name, what)
			}
		}
	}
}

// flipped changes a value so that it stays of its kind as far as possible.
func flipped(value string) string {
	if value == "" {
		return "0"
	}
	last := value[len(value)-1]
	return value[:len(value)-1] + string(last^1)
}

func (v *vector) twinParameters(t *testing.T) {
	base, query, ok := strings.Cut(v.request.URL, "?")
	if !ok {
		return
	}
	v.twinPairs(t, "the query", query, func(r *verifiers.Request, query string) { r.URL = base + "?" + query })
}

func (v *vector) twinFields(t *testing.T) {
	body := string(v.request.Body)
	if strings.HasPrefix(strings.TrimSpace(body), "{") || strings.HasPrefix(strings.TrimSpace(body), "[") || strings.HasPrefix(body, "--") {
		return
	}
	v.twinPairs(t, "the form", body, func(r *verifiers.Request, body string) { r.Body = []byte(body) })
}

// isSignature tells whether the signature stands under a name: a second one there
// is refused or identifies no other event.
func (v *vector) isSignature(name string) bool {
	var names []string
	switch s := v.scheme.(type) {
	case verifiers.HMAC:
		names = s.Signature.Names
	case verifiers.PublicKey:
		names = s.Signature.Names
	}
	return slices.ContainsFunc(names, func(n string) bool {
		return strings.EqualFold(n, name) || strings.HasSuffix(n, "."+name)
	})
}

// twinPairs adds pairs that some reader takes for a second one of the same name:
// PHP cuts names at a null byte, strips space, and writes underscores for dots;
// others part pairs at a semicolon, or take an escape of nothing as it is. Names
// with brackets make lists, which no app takes for the text it wants.
func (v *vector) twinPairs(t *testing.T, where, encoded string, put func(*verifiers.Request, string)) {
	pairs := strings.Split(encoded, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" || v.isSignature(name) {
			continue
		}
		changed := slices.Clone(pairs)
		changed[i] = name + "=" + flipped(value)
		if _, ok := v.tries(t, func(r *verifiers.Request) { put(r, strings.Join(changed, "&")) }); ok {
			continue
		}
		for _, twin := range []string{
			name + "=0", name + "=", name, name + "=%zz", name + "%00=0", "+" + name + "=0", "%20" + name + "=0",
			"x;" + name + "=0", "x=;" + name + "=0", strings.ReplaceAll(name, ".", "_") + "=0",
		} {
			for _, text := range []string{encoded + "&" + twin, twin + "&" + encoded, strings.Join(slices.Insert(slices.Clone(pairs), i+1, twin), "&")} {
				if _, ok := v.tries(t, func(r *verifiers.Request) { put(r, text) }); ok {
					t.Errorf("accepted with %s beside %s in %s", twin, name, where)
					break
				}
			}
		}
	}
}

// twinMembers adds members to the objects of a JSON body.
func (v *vector) twinMembers(t *testing.T) {
	body := string(v.request.Body)
	for _, m := range membersOf(body) {
		with := func(text string) func(*verifiers.Request) {
			return func(r *verifiers.Request) { r.Body = []byte(text) }
		}
		quoted := body[m.name:m.nameEnd]
		if v.isSignature(quoted[1 : len(quoted)-1]) {
			continue
		}
		other := `"0"`
		if _, ok := v.tries(t, with(body[:m.value]+other+body[m.valueEnd:])); ok {
			continue // it is not signed
		}
		value := body[m.value:m.valueEnd]
		for what, text := range map[string]string{
			"after it":        body[:m.valueEnd] + "," + quoted + ":" + other + body[m.valueEnd:],
			"before it":       body[:m.name] + quoted + ":" + other + "," + body[m.name:],
			"with escapes":    body[:m.valueEnd] + "," + escapedName(quoted) + ":" + other + body[m.valueEnd:],
			"in another case": body[:m.valueEnd] + "," + otherCase(quoted) + ":" + other + body[m.valueEnd:],
			"null after it":   body[:m.valueEnd] + "," + quoted + ":null" + body[m.valueEnd:],
			"equal":           body[:m.valueEnd] + "," + quoted + ":" + value + body[m.valueEnd:],
		} {
			if what == "equal" && value == other {
				continue
			}
			if _, ok := v.tries(t, with(text)); ok {
				t.Errorf("accepted with a second %s (%s)", quoted, what)
			}
		}
	}
}

// escapedName writes the first letter of a member's name as an escape.
func escapedName(quoted string) string {
	const digits = "0123456789abcdef"
	return `"\u00` + string(digits[quoted[1]>>4]) + string(digits[quoted[1]&15]) + quoted[2:]
}

func otherCase(quoted string) string {
	if upper := strings.ToUpper(quoted); upper != quoted {
		return upper
	}
	return strings.ToLower(quoted)
}

// member has the places of a JSON object's member in the text.
type member struct{ name, nameEnd, value, valueEnd int }

// membersOf finds the members of all objects of a document that is known to be
// valid, in whatever depth.
func membersOf(text string) (all []member) {
	var names []int // of the members that are open, by depth; -1 in an array
	var open []int
	skip := func(i int) int {
		for i < len(text) && strings.IndexByte(" \t\r\n", text[i]) >= 0 {
			i++
		}
		return i
	}
	str := func(i int) int {
		for i++; i < len(text) && text[i] != '"'; i++ {
			if text[i] == '\\' {
				i++
			}
		}
		return i + 1
	}
	closes := func(end int) {
		if n := len(names); n > 0 && names[n-1] >= 0 {
			all[names[n-1]].valueEnd = end
			names[n-1] = -1
		}
	}
	expectName := false
	for i := skip(0); i < len(text); i = skip(i) {
		switch c := text[i]; c {
		case '{', '[':
			open, names = append(open, int(c)), append(names, -1)
			expectName = c == '{'
			i++
		case '}', ']':
			if len(open) == 0 {
				return nil
			}
			open, names = open[:len(open)-1], names[:len(names)-1]
			i++
			closes(i)
		case ',':
			expectName = len(open) > 0 && open[len(open)-1] == '{'
			i++
		case '"':
			end := min(str(i), len(text))
			if expectName {
				colon := skip(end)
				if colon >= len(text) || text[colon] != ':' {
					return nil
				}
				names[len(names)-1] = len(all)
				all = append(all, member{i, end, skip(colon + 1), 0})
				expectName = false
				i = colon + 1
				continue
			}
			i = end
			closes(i)
		default:
			start := i
			for i < len(text) && strings.IndexByte(",}] \t\r\n", text[i]) < 0 {
				i++
			}
			if i == start {
				return nil
			}
			closes(i)
		}
	}
	return slices.DeleteFunc(all, func(m member) bool { return m.valueEnd == 0 || m.nameEnd-m.name < 3 })
}

var atNoon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
