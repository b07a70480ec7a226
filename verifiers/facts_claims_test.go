package verifiers_test

import (
	"net/http"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// TestClaims: the facts of an unsigned request are read where they stand, and broken
// ones are left out.
func TestClaims(t *testing.T) {
	rows := make(map[string]verifiers.Scheme)
	for _, row := range providers.All() {
		rows[row.Name] = row.Scheme
	}
	header := func(pairs ...string) http.Header {
		h := make(http.Header)
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	for _, test := range []struct {
		provider  string
		header    http.Header
		body      string
		id, event string
	}{
		{"stripe", nil, `{"id":"evt_1","type":"charge.succeeded"}`, "evt_1", "charge.succeeded"},
		{"stripe", nil, `{"id":"evt_1","type":`, "", ""},
		{"stripe", nil, ``, "", ""},
		{"stripe", nil, `{"id":7}`, "7", ""},
		{"github", header("X-GitHub-Delivery", "d-1", "X-GitHub-Event", "push"), `{}`, "d-1", "push"},
		{"standard-webhooks", header("Webhook-Id", "msg_1"), `{"type":"contact.created"}`, "msg_1", "contact.created"},
		{"svix", header("Svix-Id", "msg_1"), `{"type":"contact.created"}`, "msg_1", "contact.created"},
		{"gitlab-token", header("Idempotency-Key", "k-1", "X-Gitlab-Event", "Push Hook"), `{}`, "k-1", "Push Hook"},
	} {
		if test.header == nil {
			test.header = make(http.Header)
		}
		r := &verifiers.Request{Method: http.MethodPost, URL: "https://example.com/", Header: test.header, Body: []byte(test.body)}
		if id, event := verifiers.Claims(rows[test.provider], r); id != test.id || event != test.event {
			t.Errorf("%s, %s: got %q, %q, want %q, %q", test.provider, test.body, id, event, test.id, test.event)
		}
	}
}

// FuzzClaims looks for panics over hostile requests.
func FuzzClaims(f *testing.F) {
	all := providers.All()
	f.Add("id", []byte(`{"id":"evt_1"}`))
	f.Add("X-Event", []byte("a=b&c=%zz"))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		for _, row := range all {
			r := &verifiers.Request{Method: http.MethodPost, URL: "https://example.com/?" + name, Header: http.Header{"Content-Type": {name}}, Body: body}
			verifiers.Claims(row.Scheme, r)
		}
	})
}
