package providers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestHandshakesCommerce sends what payment providers send to make sure of an
// endpoint, and what is nearly that.
func TestHandshakesCommerce(t *testing.T) {
	const ping = `{"pings":[{"token":"marqeta","payload":"healthcheck"}]}`
	for _, test := range []struct {
		name, slug, method, body string
		verified                 bool
		want                     string // "": no handshake; else status, media type and body
	}{
		{"a validation", "tebex", "POST", `{"id":"c07b4d4b","type":"validation.webhook"}`, true, `200 application/json {"id":"c07b4d4b"}`},
		{"a validation that nobody signed", "tebex", "POST", `{"id":"c07b4d4b","type":"validation.webhook"}`, false, ""},
		{"an ID with a quotation mark", "tebex", "POST", `{"id":"a\"b","type":"validation.webhook"}`, true, `200 application/json {"id":"a\"b"}`},
		{"a payment", "tebex", "POST", `{"id":"c07b4d4b","type":"payment.completed"}`, true, ""},
		{"a ping", "marqeta", "POST", ping, true, "200"},
		{"a ping without credentials", "marqeta", "POST", ping, false, ""},
		{"a signed ping", "marqeta-signed", "POST", ping, true, "200"},
		{"another ping", "marqeta", "POST", `{"pings":[{"token":"other","payload":"healthcheck"}]}`, true, ""},
		{"is it there?", "circle", "HEAD", "", false, "200"},
		{"an event", "circle", "POST", `{"notificationType":"webhooks.test"}`, true, ""},
	} {
		t.Run(test.slug+"/"+test.name, func(t *testing.T) {
			r := &verifiers.Request{Method: test.method, URL: "https://hooks.example.com/in", Header: http.Header{}, Body: []byte(test.body)}
			reply, ok := handshakesOf(t, test.slug, nil).Answer(r, test.verified)
			got := ""
			if ok {
				got = strings.TrimSpace(fmt.Sprintf("%d %s %s", reply.Status, reply.Type, reply.Body))
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
