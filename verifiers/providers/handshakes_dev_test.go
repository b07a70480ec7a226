package providers_test

import (
	"net/http"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestHandshakesDev sends the questions of hubs and event senders before they deliver.
func TestHandshakesDev(t *testing.T) {
	const ask = "https://hooks.example.com/in?hub.challenge=c0ffee&hub.lease_seconds=864000&hub.mode="
	const wanted, other = "&hub.topic=https%3A%2F%2Fexample.com%2Ffeed.xml", "&hub.topic=https%3A%2F%2Fexample.com%2Fother.xml"
	topic := map[string]string{"topic": "https://example.com/a.xml https://example.com/feed.xml"}
	leave := map[string]string{"topic": "https://example.com/a.xml", "unsubscribe_topic": "https://example.com/feed.xml"}
	origin := http.Header{"Webhook-Request-Origin": {"eventgrid.azure.net"}, "Webhook-Request-Callback": {"https://10.0.0.1/"}}
	for _, c := range []struct {
		name, slug, method, url string
		header                  http.Header
		options                 map[string]string
		status                  int // 0: no handshake
		body                    string
	}{
		{"a topic that is wanted", "websub", "GET", ask + "subscribe" + wanted, nil, topic, 200, "c0ffee"},
		{"a topic that is not", "websub", "GET", ask + "subscribe" + other, nil, topic, 404, ""},
		{"no topic is configured", "websub", "GET", ask + "subscribe" + wanted, nil, nil, 404, ""},
		{"nobody wants to leave", "websub", "GET", ask + "unsubscribe" + wanted, nil, topic, 404, ""},
		{"somebody wants to leave", "youtube", "GET", ask + "unsubscribe" + wanted, nil, leave, 200, "c0ffee"},
		{"an end by the hub", "youtube", "GET", "https://hooks.example.com/in?hub.mode=denied" + wanted, nil, topic, 200, ""},
		{"a challenge with a line in it", "websub", "GET", ask + "subscribe" + wanted + "&hub.challenge=%0A", nil, topic, 0, ""},
		{"no question at all", "websub", "GET", "https://hooks.example.com/in", nil, topic, 0, ""},

		{"an origin that is wanted", "cloudevents-webhook", "OPTIONS", "https://hooks.example.com/in", origin, map[string]string{"origin": "eventgrid.azure.net"}, 200, ""},
		{"an origin that is not", "cloudevents-webhook", "OPTIONS", "https://hooks.example.com/in", origin, map[string]string{"origin": "example.com"}, 403, ""},
		{"no origin is configured", "cloudevents-webhook", "OPTIONS", "https://hooks.example.com/in", origin, nil, 403, ""},

		{"an unsigned ping", "bitbucket-server", "POST", "https://hooks.example.com/in", http.Header{"X-Event-Key": {"diagnostics:ping"}}, nil, 200, ""},
		{"a signed ping is an event", "bitbucket-server", "POST", "https://hooks.example.com/in",
			http.Header{"X-Event-Key": {"diagnostics:ping"}, "X-Hub-Signature": {"sha256=00"}}, nil, 0, ""},
	} {
		t.Run(c.slug+"/"+c.name, func(t *testing.T) {
			r := &verifiers.Request{Method: c.method, URL: c.url, Header: c.header, Body: []byte(`{"test":true}`)}
			reply, ok := handshakesOf(t, c.slug, c.options).Answer(r, false)
			if ok != (c.status != 0) || reply.Status != c.status || string(reply.Body) != c.body {
				t.Errorf("%v %d %q, want %d %q", ok, reply.Status, reply.Body, c.status, c.body)
			}
			if reply.Confirm != "" {
				t.Errorf("%s would be called", reply.Confirm)
			}
			if c.method == "OPTIONS" && c.status == 200 {
				for name, want := range map[string]string{"Webhook-Allowed-Origin": "eventgrid.azure.net", "Webhook-Allowed-Rate": "*", "Allow": "POST"} {
					if got := reply.Header.Get(name); got != want {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
			}
		})
	}
}
