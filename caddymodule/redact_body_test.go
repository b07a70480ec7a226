package caddymodule

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// hiddenValue is what `redact json person.email` and `redact json cards.#.number` hide.
const hiddenValue = "ada@hidden.example"

func inString(s string) string { b, _ := json.Marshal(s); return string(b) }

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

// dresses are the ways in which the documents of hiddenDocuments come.
var dresses = []struct {
	name, kind, packed string
	wear               func(document string) string
}{
	{"plain", "application/json", "", func(d string) string { return d }},
	{"without a type", "", "", func(d string) string { return d }},
	{"byte order mark", "application/json", "", func(d string) string { return "\uFEFF" + d }},
	{"cut off", "application/json", "", func(d string) string { return d[:len(d)-1] }},
	{"trailing comma", "application/json", "", func(d string) string { return strings.TrimSuffix(d, "}") + ",}" }},
	{"lines", "application/x-ndjson", "", func(d string) string { return d + "\n" + d }},
	{"gzip", "application/json", "gzip", zipped},
	{"gzip unsaid", "application/json", "", zipped},
	{"form", "application/x-www-form-urlencoded", "", func(d string) string { return "a=1&payload=" + url.QueryEscape(d) }},
	{"form, not escaped", "application/x-www-form-urlencoded", "", func(d string) string { return "payload=" + d }},
	{"form unsaid", "text/plain", "", func(d string) string { return "payload=" + url.QueryEscape(d) }},
	{"form, bad escape", "application/x-www-form-urlencoded", "", func(d string) string { return "x=%zz&payload=" + url.QueryEscape(d) }},
	{"form, semicolons", "application/x-www-form-urlencoded", "", func(d string) string { return "a=1;payload=" + url.QueryEscape(d) }},
	{"form, packed", "application/x-www-form-urlencoded", "gzip", func(d string) string { return zipped("payload=" + url.QueryEscape(d)) }},
	{"form, base64", "application/x-www-form-urlencoded", "", func(d string) string {
		return "payload=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(d)))
	}},
	{"multipart", "multipart/form-data; boundary=b", "", func(d string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n" + d + "\r\n--b--\r\n"
	}},
	{"XML", "application/xml", "", func(d string) string { return "<x>" + d + "</x>" }},
	{"in a string", "application/json", "", func(d string) string { return `{"Message":` + inString(d) + `}` }},
	{"in a string in a string", "application/json", "", func(d string) string { return `{"a":[` + inString(`{"b":`+inString(d)+`}`) + `]}` }},
	{"a string in a string", "application/json", "", func(d string) string { return `{"a":` + inString(inString(d)) + `}` }},
	{"a string", "application/json", "", func(d string) string { return inString(d) }},
	{"deep in strings", "application/json", "", func(d string) string {
		for range 7 {
			d = `{"a":` + inString(d) + `}`
		}
		return d
	}},
	{"in a string, with space", "application/json", "", func(d string) string { return `{"m":` + inString("\n\t "+d+"\n") + `}` }},
	{"in a string, cut off", "application/json", "", func(d string) string { return `{"m":` + inString(d[:len(d)-1]) + `}` }},
	{"in a string, escaped", "application/json", "", func(d string) string {
		var b strings.Builder
		for _, c := range d {
			fmt.Fprintf(&b, "\\u%04x", c)
		}
		return `{"m":"` + b.String() + `"}`
	}},
	{"base64", "application/json", "", func(d string) string {
		return `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(d)) + `"}}`
	}},
	{"base64url", "application/json", "", func(d string) string {
		return `{"data":"` + base64.RawURLEncoding.EncodeToString([]byte(d)) + `"}`
	}},
	{"token", "application/json", "", func(d string) string {
		return `{"signedPayload":"e30.` + base64.RawURLEncoding.EncodeToString([]byte(d)) + `.c2ln"}`
	}},
	{"gzip in base64", "application/json", "", func(d string) string {
		return `{"data":"` + base64.StdEncoding.EncodeToString([]byte(zipped(d))) + `"}`
	}},
	{"escaped in a string", "application/json", "", func(d string) string { return `{"body":"payload=` + url.QueryEscape(d) + `"}` }},
}

// hiddenDocuments have the hidden value where the paths say, in several spellings.
var hiddenDocuments = []string{
	`{"person":{"email":"ada@hidden.example"},"z":1}`,
	`{"Person":{"EMAIL":"ada@hidden.example"},"z":1}`,
	`{"\u0070erson":{"e\u006Dail":"ada@hidden.example"},"z":1}`,
	`{"person":{"email":["x",{"y":"ada@hidden.example"}]},"z":1}`,
	`{"person":[[{"email":"ada@hidden.example"}]],"z":1}`,
	`{"person":{"email":"x"},"person":{"email":"ada@hidden.example"},"z":1}`,
	`{"cards":[{"n":1},{"Number":"ada@hidden.example"}],"z":1}`,
	`{"person":"{\"email\":\"ada@hidden.example\"}","z":1}`,
	`{"cards":"[{\"number\":\"ada@hidden.example\"}]","z":1}`,
}

func hiding() *redactor {
	r := newRedactor(nil)
	r.hideJSON("person.email")
	r.hideJSON("cards.#.number")
	return r
}

// leaks reports whether a text shows the hidden value, in whatever way it is written.
func leaks(text string) bool {
	plain := strings.NewReplacer(`\`, "", "%40", "@").Replace(text)
	for _, coded := range []string{
		hiddenValue, base64.StdEncoding.EncodeToString([]byte(hiddenValue))[:12], base64.StdEncoding.EncodeToString([]byte("a" + hiddenValue))[4:12],
		base64.StdEncoding.EncodeToString([]byte("ab" + hiddenValue))[4:12], hex.EncodeToString([]byte(hiddenValue)),
		`u0061u0064u0061u0040`,
	} {
		if strings.Contains(plain, coded) {
			return true
		}
	}
	return strings.Contains(text, "\x1f\x8b")
}

// TestRedactDresses: a value that is hidden shows in no dress, and what is no JSON at
// all is not shown.
func TestRedactDresses(t *testing.T) {
	r := hiding()
	for _, d := range dresses {
		for _, document := range hiddenDocuments {
			body := d.wear(document)
			shown := string(r.body([]byte(body), http.Header{"Content-Type": {d.kind}, "Content-Encoding": {d.packed}}))
			if leaks(shown) {
				t.Errorf("%s: %s shows as %s", d.name, document, shown)
			}
			if answer := r.answer("HTTP status 500: " + body); leaks(answer) && !strings.Contains(d.name, "base64") && !strings.Contains(d.name, "gzip") {
				t.Errorf("%s: an answer that quotes %s shows as %s", d.name, document, answer)
			}
		}
	}
	for _, document := range hiddenDocuments {
		quoted := r.quoting(&queue.Message{Body: []byte(document)})
		if answer := quoted.answer("no such person: " + hiddenValue); leaks(answer) {
			t.Errorf("%s: an answer about it shows as %s", document, answer)
		}
	}
	for _, harmless := range []string{
		`{"a":"[draft] hello","b":"{name}","c":"x=y&z","d":"dGhlIGJvZHkgb2YgYW4gZXZlbnQ=","e":"a.b.c","f":"","g":[],"h":{}}`,
		`{"person":{"name":"{\"a\":1}"},"cards":[]}`, `[]`, `1`, `"x"`, `null`, `{"a":[1,true,null,-1.5e3,"\"\\"]}`,
	} {
		if shown := string(r.body([]byte(harmless), nil)); shown != harmless {
			t.Errorf("%s shows as %s", harmless, shown)
		}
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for in, want := range map[string]string{
		"a=1&person[email]=x&b=2":                             "a=1&person[email]=" + redacted + "&b=2",
		"person.Email=x":                                      "person.Email=" + redacted,
		"cards%5B0%5D%5Bnumber%5D=4111&cards[0][name]=A":      "cards%5B0%5D%5Bnumber%5D=" + redacted + "&cards[0][name]=A",
		"cards[][number]=4111":                                "cards[][number]=" + redacted,
		"person=" + url.QueryEscape(`{"email":"x","name":1}`): "person=" + url.QueryEscape(`{"email":"[redacted]","name":1}`),
		"x&y=&=z": "x&y=&=z",
	} {
		if shown := string(r.body([]byte(in), form)); shown != want {
			t.Errorf("%s shows as %s, want %s", in, shown, want)
		}
	}
}

// TestRedactHostile: looking for what is hidden takes no longer than reading does,
// whatever a body nests.
func TestRedactHostile(t *testing.T) {
	r := hiding()
	r.hideJSON("*.*.*.*.x")
	for name, of := range map[string]func(n int) string{
		"lists":        func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) },
		"objects":      func(n int) string { return strings.Repeat(`{"person":`, n/10) + "1" + strings.Repeat("}", n/10) },
		"many members": func(n int) string { return "{" + strings.Repeat(`"person":{},`, n/12) + `"z":1}` },
		"wide in deep": func(n int) string {
			return strings.Repeat("[", 500) + strings.Repeat("1,", n/2) + "1" + strings.Repeat("]", 500)
		},
		"strings":          func(n int) string { return `["` + strings.Repeat(`{\"a\":`, n/7) + `"]` },
		"brackets":         func(n int) string { return strings.Repeat("{", n) },
		"base64":           func(n int) string { return `["` + strings.Repeat("eyJh", n/4) + `"]` },
		"dots":             func(n int) string { return `["` + strings.Repeat(".", n) + `"]` },
		"fields":           func(n int) string { return strings.Repeat("a&", n/2) },
		"semicolons":       func(n int) string { return strings.Repeat(";", n) },
		"nested names":     func(n int) string { return strings.Repeat("[a]", n/3) + "=1" },
		"backslashes":      func(n int) string { return `["` + strings.Repeat(`\\`, n/2) + `"]` },
		"strings of begin": func(n int) string { return "[" + strings.Repeat(`"[[",`, n/5) + "1]" },
	} {
		took := func(n int) time.Duration {
			body, header := []byte(of(n)), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			best := time.Hour
			for range 2 {
				begin := time.Now()
				r.body(body, header)
				r.answer(string(body[:min(len(body), queue.MaxExcerpt)]))
				best = min(best, time.Since(begin))
			}
			return best
		}
		small, large := took(1<<13), took(1<<17)
		if large > 16*8*max(small, 2*time.Millisecond) {
			t.Errorf("%s: %s for 8 KiB, %s for 128 KiB", name, small, large)
		}
	}
}

// FuzzRedact: nothing panics, and a value that a reader would find at a path is hidden.
func FuzzRedact(f *testing.F) {
	for _, d := range dresses {
		f.Add(d.wear(hiddenDocuments[0]), d.kind)
	}
	r := newRedactor(nil)
	r.hideJSON("person.email")
	f.Fuzz(func(t *testing.T, body, kind string) {
		shown := r.body([]byte(body), http.Header{"Content-Type": {kind}})
		r.answer(body)
		var v struct {
			Person struct{ Email any }
		}
		if json.Unmarshal([]byte(body), &v) != nil || v.Person.Email == nil {
			return
		}
		if json.Unmarshal(shown, &v) == nil && v.Person.Email != redacted {
			t.Errorf("%q shows as %q", body, shown)
		}
	})
}
