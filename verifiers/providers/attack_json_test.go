package providers_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// signedSamples signs the body that change makes of each row's sample, and judges
// the result.
func signedSamples(t *testing.T, change func(p verifiers.Provider, r *verifiers.Request) bool, judge func(t *testing.T, p verifiers.Provider, ev verifiers.Event, err error)) {
	now := atNoon
	tried := 0
	for _, p := range providers.All() {
		scheme := filled(t, p)
		if _, ok := scheme.(verifiers.Signer); !ok {
			continue
		}
		id := p.Sample.NewID()
		for _, c := range credentials() {
			r := p.Sample.Request("https://hooks.example.com/in?a=b", now, id)
			if _, err := signAndVerify(t, scheme, r, c, now, id); err != nil {
				continue // another form of secret
			}
			r = p.Sample.Request("https://hooks.example.com/in?a=b", now, id)
			if !change(p, r) || scheme.(verifiers.Signer).Sign(r, c.signs, now, id) != nil {
				break
			}
			tried++
			v, err := scheme.Verifier(c.secret)
			if err != nil {
				t.Fatal(err)
			}
			ev, err := v.Verify(t.Context(), r)
			t.Run(p.Name, func(t *testing.T) { judge(t, p, ev, err) })
			break
		}
	}
	if tried < 150 {
		t.Errorf("only %d rows", tried)
	}
}

// readsJSON tells whether an event of the row has something of its body's JSON.
func readsJSON(p verifiers.Provider) bool {
	field := reflect.ValueOf(p.Scheme).FieldByName("Facts")
	if !field.IsValid() {
		return false
	}
	text, err := json.Marshal(field.Interface())
	return err == nil && strings.Contains(string(text), "{json:")
}

// TestAttackNoJSON signs bodies that some parsers take for JSON and others do not,
// or take for something else. Nothing may be read from them.
func TestAttackNoJSON(t *testing.T) {
	for what, change := range map[string]func(body []byte) []byte{
		"a byte order mark":       func(b []byte) []byte { return append([]byte("\ufeff"), b...) },
		"UTF-16":                  toUTF16,
		"a second document":       func(b []byte) []byte { return append(b, b...) },
		"a byte after it":         func(b []byte) []byte { return append(b, 'x') },
		"a null byte after it":    func(b []byte) []byte { return append(b, 0) },
		"a comment":               func(b []byte) []byte { return append(b, "/* */"...) },
		"a comma before the end":  func(b []byte) []byte { return append(append(b[:len(b)-1:len(b)-1], ','), b[len(b)-1]) },
		"deep nesting beside it":  func(b []byte) []byte { return nested(b, 100_000) },
		"no end":                  func(b []byte) []byte { return b[:len(b)-1] },
		"control characters":      func(b []byte) []byte { return beside(b, "\"\x01\"") },
		"quotes that are single":  func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"`), []byte(`'`)) },
		"NaN":                     func(b []byte) []byte { return beside(b, `NaN`) },
		"a number with a plus":    func(b []byte) []byte { return beside(b, `+1`) },
		"a hexadecimal number":    func(b []byte) []byte { return beside(b, `0x1`) },
		"an octal number":         func(b []byte) []byte { return beside(b, `01`) },
		"a string without quotes": func(b []byte) []byte { return beside(b, `x`) },
		"an escape of nothing":    func(b []byte) []byte { return beside(b, `"\x"`) },
	} {
		t.Run(what, func(t *testing.T) {
			signedSamples(t, func(p verifiers.Provider, r *verifiers.Request) bool {
				if !json.Valid(r.Body) || !readsJSON(p) || len(r.Body) < 3 {
					return false
				}
				before := string(r.Body)
				r.Body = change(r.Body)
				return string(r.Body) != before
			}, func(t *testing.T, p verifiers.Provider, ev verifiers.Event, err error) {
				if err == nil && !elsewhereThanJSON(p, ev) {
					t.Errorf("it is accepted: %+v", ev)
				}
			})
		})
	}
}

// elsewhereThanJSON tells whether all that an event says of itself stands before
// JSON is asked, as in headers. The body then need not be JSON.
func elsewhereThanJSON(p verifiers.Provider, ev verifiers.Event) bool {
	facts := reflect.ValueOf(p.Scheme).FieldByName("Facts").Interface().(verifiers.Facts)
	asks := func(templates []string, found string) bool {
		return len(templates) > 0 && (found == "" || strings.Contains(templates[0], "{json:")) && strings.Contains(strings.Join(templates, ""), "{json:")
	}
	return !asks(facts.EventID, ev.ID) && !asks(facts.EventType, ev.Type) && !strings.Contains(facts.Timestamp.From, "{json:")
}

// beside adds a member or an item of any spelling.
func beside(b []byte, value string) []byte {
	if b[0] == '[' {
		return append(append([]byte("["), value...), append([]byte(","), b[1:]...)...)
	}
	return append([]byte(`{"x_attack":`+value+`,`), b[1:]...)
}

func nested(b []byte, depth int) []byte {
	return beside(b, strings.Repeat("[", depth)+strings.Repeat("]", depth))
}

func toUTF16(b []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(string(b))) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return out
}

// TestAttackOddJSON signs bodies that are JSON, though hardly anybody writes it so.
// The event's ID, type and time must be bounded and clean, or the request refused.
func TestAttackOddJSON(t *testing.T) {
	for what, change := range map[string]func(body []byte) []byte{
		"null bytes":           func(b []byte) []byte { return valued(b, `"\u0000"`) },
		"line ends":            func(b []byte) []byte { return valued(b, `"a\r\nX-Injected: b"`) },
		"lone surrogates":      func(b []byte) []byte { return valued(b, `"\ud800"`) },
		"invalid UTF-8":        func(b []byte) []byte { return valued(b, "\"\xff\xfe\"") },
		"long strings":         func(b []byte) []byte { return valued(b, `"`+strings.Repeat("x", 100_000)+`"`) },
		"huge numbers":         func(b []byte) []byte { return valued(b, "1e400") },
		"long numbers":         func(b []byte) []byte { return valued(b, strings.Repeat("9", 100_000)) },
		"negative numbers":     func(b []byte) []byte { return valued(b, "-1") },
		"negative zero":        func(b []byte) []byte { return valued(b, "-0") },
		"fractions":            func(b []byte) []byte { return valued(b, "0.1e1") },
		"null":                 func(b []byte) []byte { return valued(b, "null") },
		"objects":              func(b []byte) []byte { return valued(b, "{}") },
		"lists":                func(b []byte) []byte { return valued(b, `["a","b"]`) },
		"booleans":             func(b []byte) []byte { return valued(b, "true") },
		"empty strings":        func(b []byte) []byte { return valued(b, `""`) },
		"space around":         func(b []byte) []byte { return append([]byte(" \r\n\t"), append(b, " \r\n\t"...)...) },
		"nothing but brackets": func([]byte) []byte { return []byte("{}") },
		"an empty list":        func([]byte) []byte { return []byte("[]") },
		"a number":             func([]byte) []byte { return []byte("1") },
		"a string":             func([]byte) []byte { return []byte(`"{}"`) },
		"null alone":           func([]byte) []byte { return []byte("null") },
		"no body":              func([]byte) []byte { return nil },
		"every member twice":   twice,
	} {
		t.Run(what, func(t *testing.T) {
			signedSamples(t, func(p verifiers.Provider, r *verifiers.Request) bool {
				if !json.Valid(r.Body) {
					return false
				}
				r.Body = change(r.Body)
				return true
			}, func(t *testing.T, p verifiers.Provider, ev verifiers.Event, err error) {
				if err != nil {
					if verifiers.ReasonOf(err) == "" {
						t.Error(err)
					}
					return
				}
				if len(ev.ID) > 1024 || len(ev.Type) > 1024 {
					t.Errorf("an ID of %d bytes, a type of %d", len(ev.ID), len(ev.Type))
				}
				if !ev.Timestamp.IsZero() && (ev.Timestamp.Year() < 1970 || ev.Timestamp.Year() > 9999) {
					t.Errorf("the time is %v", ev.Timestamp)
				}
			})
		})
	}
}

// valued puts one value into every member of a document that holds none, but for
// those with a signature, which the signer fills in.
func valued(b []byte, value string) []byte {
	text, end := "", 0
	for _, m := range membersOf(string(b)) {
		if old := b[m.value]; old == '{' || old == '[' || m.value < end || string(b[m.value:m.valueEnd]) == `""` {
			continue
		}
		text, end = text+string(b[end:m.value])+value, m.valueEnd
	}
	return []byte(text + string(b[end:]))
}

// twice writes every member of the outermost object twice. Where the body is signed
// nobody but the provider could: the gateway then reads the first of them, most
// apps the last.
func twice(b []byte) []byte {
	if b[0] != '{' || len(b) < 3 {
		return b
	}
	return []byte(string(b[:len(b)-1]) + "," + string(b[1:]))
}
