package providers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// probe is a request by which a provider makes sure of an endpoint, or that comes
// near one.
type probe struct {
	name, slug string
	options    map[string]string
	method     string // "": POST
	target     string // the query
	header     map[string]string
	body       string
	verified   bool   // whether the request was verified before it is asked
	want       string // "": no handshake; else status, media type and body
}

// run sends each probe.
func run(t *testing.T, probes []probe) {
	for _, c := range probes {
		t.Run(c.slug+"/"+c.name, func(t *testing.T) {
			r := &verifiers.Request{Method: "POST", URL: "https://hooks.example.com/in" + c.target, Header: http.Header{}, Body: []byte(c.body)}
			if c.method != "" {
				r.Method = c.method
			}
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			got := ""
			reply, ok := handshakesOf(t, c.slug, c.options).Answer(r, c.verified)
			if ok {
				got = strings.TrimSpace(fmt.Sprintf("%d %s %s", reply.Status, reply.Type, reply.Body))
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if reply.Confirm != "" {
				t.Errorf("%s would be called", reply.Confirm)
			}
		})
	}
}

func handshakesOf(t *testing.T, slug string, options map[string]string) *verifiers.Handshakes {
	t.Helper()
	p, ok := providers.Lookup(slug)
	if !ok {
		t.Fatalf("no provider %s", slug)
	}
	h, err := verifiers.CompileHandshakes(p.Handshakes, options, "secret")
	if err != nil {
		t.Fatal(err)
	}
	return h
}
