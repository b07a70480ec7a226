package caddymodule

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// TestConfidential signs a request of every row with two secrets. The parts in which the two
// requests differ are credentials, and a listener whose token is not raw gets none of them.
func TestConfidential(t *testing.T) {
	// A letter that no credential has ends a word.
	words := func(text string) []string {
		return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune("\"',:;=&?{}[]()<>|\\ \r\n\t", c) })
	}
	written := func(r *verifiers.Request) string {
		var b strings.Builder
		b.WriteString(r.URL + "\n")
		for name, values := range r.Header {
			b.WriteString(name + ": " + strings.Join(values, "\n") + "\n")
		}
		b.Write(r.Body)
		return b.String()
	}
	now, tried := time.Now(), 0
	for _, row := range providers.All() {
		if _, ok := row.Scheme.(verifiers.Signer); !ok {
			continue
		}
		suits := false
		for i, c := range credentials() {
			_, p, err := signerFor(row, "/"+row.Name, c)
			if err != nil {
				continue
			}
			sample := row.Sample.Request("http://localhost/"+row.Name, now, row.Sample.IDPrefix+"1234567890")
			sample.Method = methodOf(row, len(sample.Body))
			sign := func(secret string) (*verifiers.Request, error) {
				r := *sample
				r.Header, r.Body = sample.Header.Clone(), slices.Clone(sample.Body)
				return &r, p.row.Scheme.(verifiers.Signer).Sign(&r, secret, now, row.Sample.IDPrefix+"1234567890")
			}
			a, err := sign(c.signs)
			b, err2 := sign(otherCredentials()[i].signs)
			if err != nil || err2 != nil {
				continue
			}
			m := &queue.Message{Method: a.Method, URI: a.URL, Header: a.Header, Body: a.Body}
			red := (&Handler{provider: p, row: p.row, app: &App{}}).places()
			heard := withoutCredentials(m, queue.Summary{}, red)
			shown := written(&verifiers.Request{URL: heard.Request.URI, Header: heard.Request.Header, Body: heard.Request.Body})
			found := 0
			for _, word := range words(written(a)) {
				if len(word) < 8 || strings.Contains(written(b), word) {
					continue
				}
				found++
				if strings.Contains(shown, word) {
					t.Errorf("%s: a listener gets %s in %s", row.Name, word, shown)
				}
			}
			if found == 0 {
				t.Errorf("%s: two secrets sign alike", row.Name)
			}
			for name, token := range map[string]string{"slack": "unused", "mailgun": `"token":"1234567890"`} { // tokens that are not verified
				if row.Name == name && (strings.Contains(shown, token) || !strings.Contains(written(a), token)) {
					t.Errorf("%s: the token shows in %s", name, shown)
				}
			}
			tried, suits = tried+1, true
			break
		}
		if !suits {
			t.Errorf("%s: no two credentials suit it", row.Name)
		}
	}
	if tried < 150 {
		t.Errorf("only %d rows", tried)
	}
}
