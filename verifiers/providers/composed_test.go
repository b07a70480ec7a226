package providers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

var tokenText = regexp.MustCompile(`\{[^{}]+\}`)

// TestComposedIDs takes the event IDs of all rows that are made of several parts,
// with parameters of a query in the place of the parts. Moving bytes from one part
// to the next changes the ID.
func TestComposedIDs(t *testing.T) {
	tried := 0
	for _, p := range providers.All() {
		facts := reflect.ValueOf(p.Scheme).FieldByName("Facts")
		if !facts.IsValid() {
			continue
		}
		for _, template := range facts.Interface().(verifiers.Facts).EventID {
			tokens := tokenText.FindAllString(template, -1)
			if len(tokens) < 2 {
				continue
			}
			tried++
			n := -1
			queries := tokenText.ReplaceAllStringFunc(template, func(string) string { n++; return fmt.Sprintf("{query:p%d}", n) })
			v, err := verifiers.Token{Names: []string{"X-Token"}, Facts: verifiers.Facts{EventID: []string{queries}}}.Verifier("t")
			if err != nil {
				t.Fatal(err)
			}
			// All ways to cut one text into as many parts, with separators in it.
			separator := tokenText.Split(template, -1)[1]
			text, seen := "ab"+separator+"1%3A"+separator+"c"+strings.Repeat("d", len(tokens)), map[string]bool{}
			for _, parts := range cuts(text, len(tokens)) {
				query := url.Values{}
				for i, part := range parts {
					query.Set(fmt.Sprint("p", i), part)
				}
				r := &verifiers.Request{Method: "POST", URL: "https://hooks.example.com/?" + query.Encode(), Header: http.Header{"X-Token": {"t"}}}
				ev, err := v.Verify(t.Context(), r)
				if err != nil || ev.ID == "" || seen[ev.ID] {
					t.Fatalf("%s: %s: %q is also the ID of other parts (%v)", p.Name, template, ev.ID, err)
				}
				seen[ev.ID] = true
			}
		}
	}
	if tried < 10 {
		t.Errorf("only %d IDs have several parts", tried)
	}
}

// cuts returns all ways to cut a text into n parts that are not empty.
func cuts(text string, n int) (all [][]string) {
	if n == 1 {
		return [][]string{{text}}
	}
	for i := 1; i <= len(text)-n+1; i++ {
		for _, rest := range cuts(text[i:], n-1) {
			all = append(all, append([]string{text[:i]}, rest...))
		}
		for j := 1; strings.HasPrefix(text[i:], ":") && j < 2 && n > 1; j++ { // without the separator
			for _, rest := range cuts(text[i+1:], n-1) {
				all = append(all, append([]string{text[:i]}, rest...))
			}
		}
	}
	return all
}

// TestLoneSurrogates puts halves of surrogate pairs into every string of every
// genuine body. Different ones never make the same event.
func TestLoneSurrogates(t *testing.T) {
	attack(t, true, func(t *testing.T, v *vector, _ verifiers.Event) {
		body := string(v.request.Body)
		for _, m := range membersOf(body) {
			if m.value >= len(body) || body[m.value] != '"' {
				continue
			}
			with := func(text string) (verifiers.Event, bool) {
				changed := body[:m.valueEnd-1] + text + body[m.valueEnd-1:]
				return v.tries(t, func(r *verifiers.Request) { r.Body = []byte(changed) })
			}
			x, ok := with("x")
			if y, _ := with("y"); ok && x.ID == y.ID && string(x.Content) == string(y.Content) {
				continue // it tells no events apart
			}
			var events []verifiers.Event
			for _, half := range []string{`\ud800`, `\udfff`, `\ufffd`, `\ud800\u0041`} {
				if ev, ok := with(half); ok {
					events = append(events, ev)
				}
			}
			for i, a := range events {
				for _, b := range events[:i] {
					if a.ID == b.ID && string(a.Content) == string(b.Content) {
						t.Errorf("two strings in %s make one event, %q", body[m.name:m.nameEnd], a.ID)
					}
				}
			}
		}
	})
}
