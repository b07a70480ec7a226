package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

func TestRedactJSON(t *testing.T) {
	for _, test := range []struct{ name, paths, body, want string }{
		{"a member", "a.b", `{ "a" : {"b": 12, "c":1.50} }`, `{ "a" : {"b": "[redacted]", "c":1.50} }`},
		{"every element", "cards.#.number", `{"cards":[{"number":"4111"},{"x":1},{"number":"5500"}]}`, `{"cards":[{"number":"[redacted]"},{"x":1},{"number":"[redacted]"}]}`},
		{"lists that the path does not name", "cards.number", `{"cards":[{"number":"4111"}]}`, `{"cards":[{"number":"[redacted]"}]}`},
		{"lists in lists", "a.#.b.#.c", `{"a":[{"b":[{"c":1},{"c":2}]},{"b":[{"c":3}]}]}`, `{"a":[{"b":[{"c":"[redacted]"},{"c":"[redacted]"}]},{"b":[{"c":"[redacted]"}]}]}`},
		{"one element", "a.1", `{"a":[1,2,3]}`, `{"a":[1,"[redacted]",3]}`},
		{"the root is a list", "#.email", `[{"email":"a@b"}, {"email":"c@d"}]`, `[{"email":"[redacted]"}, {"email":"[redacted]"}]`},
		{"a member that is there twice", "a", `{"a":1,"a":2}`, `{"a":"[redacted]","a":"[redacted]"}`},
		{"an escaped name", "email", `{"\u0065mail":"x"}`, `{"\u0065mail":"[redacted]"}`},
		{"a name with a dot", `a\.b`, `{"a.b":1,"a":{"b":2}}`, `{"a.b":"[redacted]","a":{"b":2}}`},
		{"one within another", "a a.b", `{"a":{"b":1},"z":0}`, `{"a":"[redacted]","z":0}`},
		{"any member", "a.*.pin", `{"a":{"x":{"pin":1},"y":{"pin":2}}}`, `{"a":{"x":{"pin":"[redacted]"},"y":{"pin":"[redacted]"}}}`},
		{"not there", "nope", `{"a":1}`, `{"a":1}`},
		{"broken", "a", `{"a":1`, unreadable},
		{"behind a byte order mark", "a", "\uFEFF" + `{"a":1}`, unreadable},
		{"deeper than anybody reads", "a", strings.Repeat("[", 10<<20), unreadable},
		{"no JSON", "a", `a=1`, unreadable},
	} {
		r := newRedactor(nil)
		for path := range strings.FieldsSeq(test.paths) {
			r.hideJSON(path)
		}
		if got := string(r.body([]byte(test.body), nil)); got != test.want {
			t.Errorf("%s: %.200s, want %s", test.name, got, test.want)
		}
	}
}

func TestRedactSecrets(t *testing.T) {
	r := newRedactor(verifiers.Token{From: "query", Names: []string{"key"}})
	r.hideSecret(`s3cr"t/+ x`)
	r.hideHeader("x-customer")
	h := r.header(http.Header{
		"Authorization": {"Basic Zm9v"}, "Cookie": {"a=b"}, "X-Hub-Signature-256": {"sha256=ab"}, "X-Customer": {"Ada", "Eve"},
		"X-Odd": {`before s3cr"t/+ x after`}, "Content-Type": {"text/plain"},
	})
	for name, want := range map[string]string{
		"Authorization": redacted, "Cookie": redacted, "X-Hub-Signature-256": redacted, "X-Customer": redacted + " " + redacted,
		"X-Odd": "before [redacted] after", "Content-Type": "text/plain",
	} {
		if got := strings.Join(h[name], " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for in, want := range map[string]string{
		"/in?key=abc&x=1":                "/in?key=[redacted]&x=1",
		"/in?%6bey=abc":                  "/in?%6bey=[redacted]",
		"/in?other=s3cr%22t%2F%2B+x":     "/in?other=[redacted]",
		"/s3cr%22t%2F+%20x/tail":         "/[redacted]/tail",
		"/in?x=1;key":                    "/in?x=1;key",
		"/s3cr%22t%2F+%20x?key=s3cr":     "/[redacted]?key=[redacted]",
		"/nothing/here?at=all&really=no": "/nothing/here?at=all&really=no",
	} {
		if got := r.uri(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := string(r.body([]byte(`{"token":"s3cr\"t/+ x"}`), nil)); got != `{"token":"[redacted]"}` {
		t.Error(got)
	}
	form := newRedactor(verifiers.Token{From: "form", Names: []string{"token"}})
	if got := string(form.body([]byte("a=1&token=xyz&b=2"), nil)); got != "a=1&token=[redacted]&b=2" {
		t.Error(got)
	}
}

func TestRedactAnswers(t *testing.T) {
	r := newRedactor(nil)
	r.hideSecret("whsec_1")
	r.hideJSON("email")
	for in, want := range map[string]string{
		`HTTP status 500: {"email":"a@b","x":1}`: `HTTP status 500: {"email":"[redacted]","x":1}`,
		`HTTP status 500: {"email":"a@b`:         `HTTP status 500: [redacted]`,
		"got whsec_1 \xff":                       "got [redacted] \uFFFD",
	} {
		if got := r.answer(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
