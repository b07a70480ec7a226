package caddymodule

import (
	"net/http"
	"testing"
	"time"
)

// TestSquareURL: which URL a signature over the URL is held against.
func TestSquareURL(t *testing.T) {
	const trusted = "servers {\n trusted_proxies static 127.0.0.1/32\n}"
	const elsewhere = "servers {\n trusted_proxies static 192.0.2.0/24\n}"
	forwarded := http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"hooks.example.com"}}
	for _, c := range []struct {
		name, globals, lines string
		uri                  string
		header               http.Header
		signed               string // URL; GATEWAY stands for the gateway's own
		status               int
	}{
		{"as called", "", "", "/square", nil, "GATEWAY/square", 200},
		{"as called, with a query", "", "", "/square?a=1&b=%2F", nil, "GATEWAY/square?a=1&b=%2F", 200},
		{"another URL", "", "", "/square", nil, "https://hooks.example.com/square", 401},
		{"public_url", "", "public_url https://hooks.example.com/in/square", "/square", nil, "https://hooks.example.com/in/square", 200},
		{"public_url, signed as called", "", "public_url https://hooks.example.com/in/square", "/square", nil, "GATEWAY/square", 401},
		{"public_url of a host", "", "public_url https://hooks.example.com", "/square?x=y", nil, "https://hooks.example.com/square?x=y", 200},
		{"public_url, with the request's query", "", "public_url https://hooks.example.com/s", "/square?x=y", nil, "https://hooks.example.com/s?x=y", 200},
		{"public_url with a query of its own", "", "public_url https://hooks.example.com/s?k=v", "/square?k=v", nil, "https://hooks.example.com/s?k=v", 200},
		{"behind a trusted proxy", trusted, "", "/square", forwarded, "https://hooks.example.com/square", 200},
		{"behind a trusted proxy, signed as called", trusted, "", "/square", forwarded, "GATEWAY/square", 401},
		{"trusted proxy, and public_url", trusted, "public_url https://a.example/s", "/square", forwarded, "https://a.example/s", 200},
		{"trusted proxy with nonsense", trusted, "", "/square", http.Header{"X-Forwarded-Proto": {"gopher"}}, "GATEWAY/square", 200},
		{"trusted proxies, lists", trusted, "", "/square", http.Header{"X-Forwarded-Proto": {"https,http"}, "X-Forwarded-Host": {"hooks.example.com, 10.0.0.1:8080"}}, "https://hooks.example.com/square", 200},
		{"trusted proxies, lists in lines", trusted, "", "/square", http.Header{"X-Forwarded-Proto": {" HTTPS ", "http"}, "X-Forwarded-Host": {"hooks.example.com", "10.0.0.1"}}, "https://hooks.example.com/square", 200},
		{"trusted proxies, later items", trusted, "", "/square", http.Header{"X-Forwarded-Proto": {"https,http"}, "X-Forwarded-Host": {"hooks.example.com,10.0.0.1"}}, "http://10.0.0.1/square", 401},
		{"trusted proxies, an empty first item", trusted, "", "/square", http.Header{"X-Forwarded-Proto": {",https"}, "X-Forwarded-Host": {",hooks.example.com"}}, "GATEWAY/square", 200},
		{"spoofed lists", "", "", "/square", http.Header{"X-Forwarded-Proto": {"https,http"}, "X-Forwarded-Host": {"hooks.example.com,10.0.0.1"}}, "GATEWAY/square", 200},
		{"spoofed", "", "", "/square", forwarded, "https://hooks.example.com/square", 401},
		{"spoofed, signed as called", "", "", "/square", forwarded, "GATEWAY/square", 200},
		{"spoofed, others are trusted", elsewhere, "", "/square", forwarded, "https://hooks.example.com/square", 401},
	} {
		for _, mode := range []string{"forward", "pass"} {
			t.Run(c.name+" "+mode, func(t *testing.T) {
				up := newUpstream(t)
				s := by("square")
				lines := c.lines
				if mode == "forward" {
					lines += "\nforward " + up.addr
				}
				// A rewrite before the gateway does not change the URL that the sender called.
				g := start(t, setup{globals: c.globals, site: "rewrite /square* /elsewhere{uri}\n" +
					"route {\n webhook_gateway square {\n secret square-secret\n" + lines + "\n}\n reverse_proxy " + up.addr + "\n}"})
				body := s.body("evt_1", time.Now())
				signed := c.signed
				if rest, ok := cutGateway(signed); ok {
					signed = "http://" + g.addr + rest
				}
				r := post(c.uri, body, s.sign(signed, body, time.Now(), "")...)
				for name, v := range c.header {
					r.Header[name] = v
				}
				g.expect(c.status, r)
				if c.status == 200 {
					if got := up.next(); got.RequestURI != "/elsewhere"+c.uri {
						t.Errorf("the upstream got %s", got.RequestURI)
					}
				}
				g.drained()
				up.nothing()
			})
		}
	}
}

func cutGateway(s string) (string, bool) {
	const mark = "GATEWAY"
	if len(s) < len(mark) || s[:len(mark)] != mark {
		return s, false
	}
	return s[len(mark):], true
}
