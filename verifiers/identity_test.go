package verifiers

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// idOf reads an ID off a request whose query has the parts.
func idOf(t *testing.T, v Verifier, parts ...string) string {
	t.Helper()
	query := url.Values{}
	for i, part := range parts {
		query.Set(fmt.Sprint("p", i), part)
	}
	ev, err := v.Verify(t.Context(), received("{}", "X-Token", "t").at("https://hooks.example.com/in?"+query.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	return ev.ID
}

func (r *Request) at(url string) *Request {
	r.URL = url
	return r
}

func TestComposedIDs(t *testing.T) {
	texts := []string{"a", ":", "%", "%,", ",", "-", "a:", ":a", "%3A", "%25", "A", "3", "2", "%2", "é", "\xc3", "-2"}
	for _, templates := range [][]string{
		{"{query:p0}:{query:p1}"}, {"{query:p0}{query:p1}"}, {"{query:p0}%{query:p1}"}, {"{query:p0}2{query:p1}"},
		{"{query:p0}::{query:p1}"}, {"x-{query:p0}-{query:p1}-x"}, {"{query:p0}%25{query:p1}"}, {"{query:p0}é{query:p1}"},
		{"{query:p0}:{query:p1}", "{query:p0}"}, {"{query:p0}{query:p1}", "{query:p0}"}, {"{query:p0}-{query:p1}", "{query:p0}:"},
		{"{query:p0}:{query:p1}:{query:p2}"}, {"{query:p0}:{query:p1}-{query:p2}", "{query:p0}:{query:p1}"}, {"{query:p0}{query:p1}{query:p2}"},
	} {
		v := mustVerifier(t, Token{Names: []string{"X-Token"}, Facts: Facts{EventID: templates}}, "t")
		seen := map[string]string{}
		note := func(parts ...string) {
			if id := idOf(t, v, parts...); id != "" {
				if other, ok := seen[id]; ok {
					t.Errorf("%q: %q and %q are both %q", templates, parts, other, id)
				}
				seen[id] = fmt.Sprintf("%q", parts)
			}
		}
		for _, a := range texts {
			note(a)
			for _, b := range texts {
				note(a, b)
				if strings.Contains(templates[0], "p2") {
					for _, c := range texts {
						note(a, b, c)
					}
				}
			}
		}
		if len(seen) < len(texts) {
			t.Errorf("%q: only %d IDs", templates, len(seen))
		}
	}
	v := mustVerifier(t, Token{Names: []string{"X-Token"}, Facts: Facts{EventID: []string{"{query:p0}:{query:p1}"}}}, "t")
	if id := idOf(t, v, "task.done", "12:30"); id != "task.done:12:30" {
		t.Errorf("%q is not as readable as it could be", id)
	}
}

// TestLoneSurrogates reads strings of JSON that no Unicode text corresponds to.
func TestLoneSurrogates(t *testing.T) {
	v := mustVerifier(t, Token{Names: []string{"X-Token"}, Facts: Facts{EventID: []string{"{json:id}"}}}, "t")
	seen := map[string]string{}
	for _, text := range []string{
		`\ud800`, `\ud801`, `\udfff`, `\ud800\ud800`, `\ud800\ud801`, `\udc00\ud800`, `\ud800\udc00`, `\ud83d\ude00`, `\ufffd`, `\ufffd\ufffd`, `\ufffd\ufffd\ufffd`,
		`\ud800x`, `\ud801x`, `\ud800\u0041`, `\ud800\u0042`, `\ud800\n`, `\ud800\\`, `\ud800\"`, `\\ud800`, `\u0000`, `é\ud800`, `\u00e8\ud800`, `A\uDC00`,
	} {
		ev, err := v.Verify(t.Context(), received(`{"id":"`+text+`"}`, "X-Token", "t"))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[ev.ID]; ok {
			t.Errorf("%s and %s are both %q", text, other, ev.ID)
		}
		seen[ev.ID] = text
	}
	for text, same := range map[string]string{`\uD83D\uDE00`: "😀", `\u00e9\ud800`: "é\xed\xa0\x80", `\/\b\f\n\r\t\"\\\ufffd`: "/\b\f\n\r\t\"\\\ufffd"} {
		if ev, err := v.Verify(t.Context(), received(`{"id":"`+text+`"}`, "X-Token", "t")); err != nil || ev.ID != same {
			t.Errorf("%s is %q, %v", text, ev.ID, err)
		}
	}
}
