package providers_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/keysource"
)

// published is the provider's side of a key source: it serves a vector's documents
// and counts the requests.
type published struct {
	documents map[string][]byte
	asked     atomic.Int64
}

func (p *published) RoundTrip(r *http.Request) (*http.Response, error) {
	p.asked.Add(1)
	body, ok := p.documents[r.URL.String()]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// TestFloodOfNames invents names of keys and certificates, wherever a row takes
// one from the request. The fetches stay within the budget of the source, and the
// genuine request is accepted all the while.
func TestFloodOfNames(t *testing.T) {
	const forged, budget = 150, 50 // two origins at most, and some for the documents themselves
	seen, named := map[string]bool{}, map[string]bool{}
	attack(t, true, func(t *testing.T, v *vector, _ verifiers.Event) {
		scheme, ok := v.scheme.(verifiers.Fetching)
		if !ok || len(v.secrets) > 0 || seen[v.provider.Name] {
			return
		}
		levers := v.levers(t, scheme)
		seen[v.provider.Name] = true
		if len(levers) == 0 {
			t.Fatal("nothing of the request leads to a fetch; teach the test how the row names its key")
		}
		named[v.provider.Name] = true
		var ahead atomic.Int64 // a fetch in the background reads the clock too
		now := func() time.Time { return time.Unix(1_700_000_000, ahead.Load()) }
		provider := &published{documents: v.documents(t)}
		source := keysource.New(keysource.Options{Transport: provider, Now: now})
		defer source.Close()
		verifier, err := scheme.WithKeySource(source).Verifier()
		if err != nil {
			t.Fatal(err)
		}
		genuine := func(when string) {
			t.Helper()
			if _, err := verifier.Verify(t.Context(), v.request); err != nil {
				t.Errorf("%s the genuine request is refused: %v", when, err)
			}
		}
		genuine("before the flood")
		for minute := range 2 {
			before := provider.asked.Load()
			for n := range forged {
				r := levers[n%len(levers)](v, minute*forged+n)
				if _, err := verifier.Verify(t.Context(), r); err == nil {
					t.Fatal("a forged request is accepted")
				}
				if n%50 == 0 {
					genuine("during the flood")
				}
			}
			if n := provider.asked.Load() - before; n > budget {
				t.Errorf("%d forged requests made %d fetches", forged, n)
			}
			ahead.Add(int64(time.Minute))
		}
		ahead.Add(int64(25 * time.Hour)) // no answer is kept for longer
		for n := range forged {
			_, _ = verifier.Verify(t.Context(), levers[n%len(levers)](v, -n))
		}
		genuine("while its key is renewed")
	})
	if len(named) < 5 {
		t.Errorf("of %v only %v let a request name its key", seen, named)
	}
}

// lever makes the nth request that names another key.
type lever func(v *vector, n int) *verifiers.Request

// levers are the words of a request that lead to a fetch which the genuine
// request does not need.
func (v *vector) levers(t *testing.T, scheme verifiers.Fetching) (all []lever) {
	t.Helper()
	source := &watched{keyFiles: v.documents(t)}
	verifier, err := scheme.WithKeySource(source).Verifier()
	if err != nil {
		t.Fatal(err)
	}
	asks := func(r *verifiers.Request) map[string]bool {
		source.asked = nil
		_, _ = verifier.Verify(t.Context(), r)
		made := map[string]bool{}
		for _, ask := range source.asked {
			made[fmt.Sprint(ask.URL, string(ask.Body), ask.After)] = true
		}
		return made
	}
	genuine := asks(v.request)
	for _, change := range v.words() {
		for n := range 3 { // a word may by chance be replaced by one of no use
			if leads := asks(change(v, n)); func() bool {
				for ask := range leads {
					if !genuine[ask] {
						return true
					}
				}
				return false
			}() {
				all = append(all, change)
				break
			}
		}
	}
	return all
}

// words are changes of one word each: of the headers, of the body, and within
// JSON in base64 in either.
func (v *vector) words() (all []lever) {
	for name, values := range v.request.Header {
		if len(values) != 1 {
			continue
		}
		for _, change := range wordsOf(values[0]) {
			all = append(all, func(v *vector, n int) *verifiers.Request { return v.changed(set(name, change(n))) })
		}
	}
	for _, change := range wordsOf(string(v.request.Body)) {
		all = append(all, func(v *vector, n int) *verifiers.Request {
			return v.changed(func(r *verifiers.Request) { r.Body = []byte(change(n)) })
		})
	}
	return all
}

func wordsOf(text string) (all []func(n int) string) {
	put := func(start, end int, word func(n int) string) {
		all = append(all, func(n int) string { return text[:start] + word(n) + text[end:] })
	}
	run := func(start int, also string) (end int) {
		for end = start; end < len(text) && (isWord(text[end]) || end > start && strings.IndexByte(also, text[end]) >= 0); {
			end++
		}
		return end
	}
	for start := 0; start < len(text); {
		packed := run(start, "=_-+/")
		for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.StdEncoding} {
			plain, err := e.DecodeString(text[start:packed])
			if err != nil || len(plain) < 3 || plain[0] != '{' {
				continue
			}
			for _, change := range wordsOf(string(plain)) {
				put(start, packed, func(n int) string { return e.EncodeToString([]byte(change(n))) })
			}
			break
		}
		end := run(start, "")
		if word := text[start:end]; len(word) >= 3 && len(all) < 300 {
			put(start, end, func(n int) string { return another(word, n) })
		}
		start = max(end, start+1)
	}
	return all
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// another is a word of the same form: digits for digits, hex for hex.
func another(word string, n int) string {
	random := rand.New(rand.NewPCG(uint64(n), uint64(len(word))))
	lower, upper := "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if strings.Trim(word, "0123456789abcdef") == "" {
		lower = "abcdef"
	}
	other := []byte(word)
	for i, c := range other {
		from := "0123456789"
		switch {
		case 'a' <= c && c <= 'z':
			from = lower
		case 'A' <= c && c <= 'Z':
			from = upper
		}
		other[i] = from[random.IntN(len(from))]
	}
	return string(other)
}
