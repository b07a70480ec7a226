package caddymodule

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSameBody: the upstream gets the sender's body, byte for byte, in both
// modes, however it was sent.
func TestSameBody(t *testing.T) {
	random := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{1}).Read(random)
	bodies := map[string][]byte{
		"empty":        nil,
		"binary":       {0, 1, 2, 0xff, 0xfe, '\r', '\n', 0, 0x80},
		"one byte":     {'x'},
		"a first step": random[:firstStep],
		"and a byte":   random[:firstStep+1],
		"white space":  []byte("  {\"a\" : 1}\r\n\r\n"),
		"1 MB":         random,
		"two buffers":  random[:2*firstStep],
		"three":        random[:growth*firstStep+1],
	}
	up := newUpstream(t)
	s := by("github")
	g := start(t, setup{site: s.directive("forward "+up.addr) + "webhook_gateway /sync github {\n name sync\n secret github-secret\n}\n" +
		"reverse_proxy " + up.addr})
	for name, body := range bodies {
		for _, chunked := range []bool{false, true} {
			for _, path := range []string{"/github", "/sync"} {
				t.Run(fmt.Sprintf("%s chunked=%t %s", name, chunked, path), func(t *testing.T) {
					up.t, g.t = t, t
					r := s.with(g, string(body), time.Now(), fmt.Sprint(name, chunked))
					r.URL.Path = path
					if chunked { // in pieces of odd sizes
						r.ContentLength, r.Body = -1, io.NopCloser(pieces{bytes.NewReader(body)})
					}
					g.expect(200, r)
					got := up.next()
					if !bytes.Equal(got.body, body) {
						t.Errorf("got %s, want %s", checksum(got.body), checksum(body))
					}
					if got.ContentLength != int64(len(body)) {
						t.Errorf("Content-Length %d, want %d", got.ContentLength, len(body))
					}
				})
			}
		}
	}
	g.t = t
}

// pieces reads in odd sizes.
type pieces struct{ r io.Reader }

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), 997)]) }

// TestSameRequest: request line, Host and headers reach the upstream as they
// came, with the gateway's own headers in the place of forged ones.
func TestSameRequest(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: `
		webhook_gateway /github* github {
			secret github-secret
			forward ` + up.addr + `
		}
		webhook_gateway /sync* github {
			name sync
			secret github-secret
		}
		reverse_proxy ` + up.addr})
	body := "\x00\x01 body"
	for _, path := range []string{"/github", "/sync"} {
		for _, rest := range []string{
			"", "/", "?", "?a=1&a=2&b", "?q=a%20b+c&%C3%A9=%2F", "/a%2Fb;v=1//c/../d", "/%e4%bd%a0", "?x=1;y=2&bad=%zz", "/a|b\"c",
		} {
			t.Run(path+rest, func(t *testing.T) {
				up.t = t
				uri := path + rest
				raw := "POST " + uri + " HTTP/1.1\r\nHost: Hooks.Example.com:8443\r\n" +
					"X-Hub-Signature-256: sha256=" + hexSum("github-secret", body) + "\r\n" +
					"X-GitHub-Delivery: " + uri + "\r\nX-GitHub-Event: push\r\n" +
					"X-Repeated: one\r\nx-repeated: two, three\r\nX-Empty:\r\nX-Bytes: caf\xc3\xa9 \xff\r\n" +
					"Cookie: a=b\r\nAuthorization: Basic Zm9v\r\nExpect: 100-continue\r\n" +
					"webhook-gateway-event-id: forged\r\nWEBHOOK-GATEWAY-ATTEMPT: 99\r\nWebhook-Gateway-Unheard-Of: forged\r\n" +
					"Webhook-Gateway-Endpoint: one\r\nWebhook-Gateway-Endpoint: two\r\n" +
					fmt.Sprintf("Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
				if status := g.wire(raw); status != 200 {
					t.Fatal("status ", status)
				}
				got := up.next()
				if want := strings.NewReplacer("|", "%7C", `"`, "%22").Replace(uri); got.RequestURI != want {
					t.Errorf("URI %q, want %q", got.RequestURI, want)
				}
				if got.Host != "Hooks.Example.com:8443" || got.Method != "POST" {
					t.Errorf("got %s to host %q", got.Method, got.Host)
				}
				want := http.Header{
					"X-Repeated": {"one", "two, three"}, "X-Empty": {""}, "X-Bytes": {"caf\xc3\xa9 \xff"},
					"Cookie": {"a=b"}, "Authorization": {"Basic Zm9v"}, "X-Github-Event": {"push"},
					"Webhook-Gateway-Event-Id": {uri}, "Webhook-Gateway-Event-Type": {"push"},
					"Webhook-Gateway-Provider": {"github"}, "Webhook-Gateway-Unheard-Of": nil,
					"Webhook-Gateway-Endpoint": {map[string]string{"/github": "github", "/sync": "sync"}[path]},
					"Webhook-Gateway-Attempt":  {"1"},
				}
				for name, values := range want {
					if !slices.Equal(got.Header[name], values) {
						t.Errorf("%s: %q, want %q", name, got.Header[name], values)
					}
				}
				if at, err := time.Parse(time.RFC3339Nano, got.Header.Get("Webhook-Gateway-Received-At")); err != nil ||
					time.Since(at) > time.Minute || time.Since(at) < 0 {
					t.Errorf("Received-At %v, %v", at, err)
				}
				if string(got.body) != body {
					t.Errorf("body %q", got.body)
				}
			})
		}
	}
}

// wire sends bytes and returns the status of the answer, past any 100.
func (g *gateway) wire(raw string) int {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, raw); err != nil {
		g.t.Fatal(err)
	}
	for b := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(b, nil)
		if err != nil {
			g.t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		if resp.StatusCode >= 200 {
			return resp.StatusCode
		}
	}
}

// TestTrailers: trailers are not headers; they neither reach the upstream nor
// break the request.
func TestTrailers(t *testing.T) {
	up := newUpstream(t)
	s := by("github")
	g := start(t, setup{site: s.directive("forward "+up.addr) + "webhook_gateway /sync github {\n name sync\n secret github-secret\n}\n" +
		"reverse_proxy " + up.addr})
	for _, path := range []string{"/github", "/sync"} {
		raw := "POST " + path + " HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=" + hexSum("github-secret", "hello") +
			"\r\nX-GitHub-Delivery: 1\r\nTransfer-Encoding: chunked\r\nTrailer: Webhook-Gateway-Event-Id, X-T\r\nConnection: close\r\n\r\n" +
			"5\r\nhello\r\n0\r\nWebhook-Gateway-Event-Id: forged\r\nX-T: t\r\n\r\n"
		if status := g.wire(raw); status != 200 {
			t.Fatal("status ", status)
		}
		got := up.next()
		if string(got.body) != "hello" || got.Header.Get("Webhook-Gateway-Event-Id") != "1" || got.Trailer.Get("Webhook-Gateway-Event-Id") != "" {
			t.Errorf("%s: got %q, headers %v, trailers %v", path, got.body, got.Header, got.Trailer)
		}
	}
}
