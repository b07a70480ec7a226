package providers_test

import "testing"

// TestHandshakesCommerce sends the handshakes of payment providers, and requests
// that resemble them.
func TestHandshakesCommerce(t *testing.T) {
	const ping = `{"pings":[{"token":"marqeta","payload":"healthcheck"}]}`
	run(t, []probe{
		{name: "a validation", slug: "tebex", body: `{"id":"c07b4d4b","type":"validation.webhook"}`, verified: true, want: `200 application/json {"id":"c07b4d4b"}`},
		{name: "a validation that nobody signed", slug: "tebex", body: `{"id":"c07b4d4b","type":"validation.webhook"}`},
		{name: "an ID with a quotation mark", slug: "tebex", body: `{"id":"a\"b","type":"validation.webhook"}`, verified: true, want: `200 application/json {"id":"a\"b"}`},
		{name: "a payment", slug: "tebex", body: `{"id":"c07b4d4b","type":"payment.completed"}`, verified: true},
		{name: "a ping", slug: "marqeta", body: ping, verified: true, want: "200"},
		{name: "a ping without credentials", slug: "marqeta", body: ping},
		{name: "a signed ping", slug: "marqeta-signed", body: ping, verified: true, want: "200"},
		{name: "another ping", slug: "marqeta", body: `{"pings":[{"token":"other","payload":"healthcheck"}]}`, verified: true},
		{name: "is it there?", slug: "circle", method: "HEAD", want: "200"},
		{name: "an event", slug: "circle", body: `{"notificationType":"webhooks.test"}`, verified: true},
	})
}
