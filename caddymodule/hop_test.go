package caddymodule

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// wire is an upstream that notes the bytes of each request's head as they come. It
// reads bodies by Content-Length alone and answers 200.
type wire struct {
	addr  string
	heads chan string
}

func newWire(t *testing.T) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	u := &wire{l.Addr().String(), make(chan string, 1024)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go u.serve(conn)
		}
	}()
	return u
}

func (u *wire) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		var head strings.Builder
		length := 0
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
			if line == "\r\n" {
				break
			}
		}
		if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
			return
		}
		u.heads <- head.String()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

// next returns the names and values of the next request's headers.
func (u *wire) next(t *testing.T) textproto.MIMEHeader {
	t.Helper()
	select {
	case head := <-u.heads:
		_, lines, _ := strings.Cut(head, "\r\n")
		h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(lines))).ReadMIMEHeader()
		if err != nil {
			t.Fatalf("%v in %q", err, head)
		}
		return h
	case <-time.After(patience):
		t.Fatal("nothing came to the upstream")
		return nil
	}
}

// hopCases are lines that a sender writes besides those of its signed request.
var hopCases = []struct {
	name   string
	lines  []string
	gone   []string
	http11 bool // HTTP/2 does not have it
}{
	{"signature named", []string{"Connection: Webhook-Gateway-Signed, Webhook-Gateway-Reason,X-Hub-Signature-256, x-github-event", "Connection: X-GitHub-Delivery, Content-Type, Content-Length, Host"}, nil, true},
	{"own header named", []string{"Connection: close, X-Hop", "X-Hop: 1", "X-Stays: 1"}, []string{"X-Hop"}, true},
	{"many named", []string{"Connection: A, B, C, D, E, F, G, X-Hub-Signature-256", "A: 1", "B: 1", "C: 1", "D: 1", "E: 1", "F: 1", "G: 1"}, []string{"A", "G"}, true},
	{"h2c", []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"}, nil, true},
	{"TLS", []string{"Connection: Upgrade", "Upgrade: TLS/1.2, TLS/1.1"}, nil, true},
	{"websocket", []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"}, nil, true},
	{"upgrade alone", []string{"Upgrade: h2c"}, nil, true},
	{"expect", []string{"Expect: 100-continue"}, nil, false},
	{"keep-alive", []string{"Connection: keep-alive", "Keep-Alive: timeout=5, max=100"}, nil, true},
	{"proxies", []string{"Proxy-Connection: keep-alive", "Proxy-Authorization: Basic dTpw", "Proxy-Authenticate: Basic", "Proxy-Else: 1", "Proxy: http://192.0.2.1"}, nil, true},
	{"proxies, HTTP/2", []string{"Proxy-Authorization: Basic dTpw", "Proxy-Else: 1", "Proxy: http://192.0.2.1"}, nil, false},
	{"te", []string{"TE: trailers"}, nil, false},
	{"trailer", []string{"Trailer: X-Checked, X-Hub-Signature-256"}, []string{"X-Checked"}, false},
}

// checkHop looks at what came to the upstream.
func checkHop(t *testing.T, h map[string][]string, gone []string, stay ...string) {
	t.Helper()
	for name := range h {
		switch lower := strings.ToLower(name); lower {
		case "connection", "expect", "http2-settings", "keep-alive", "proxy", "te", "trailer", "transfer-encoding", "upgrade":
			t.Errorf("%s: %q came along", name, h[name])
		default:
			if strings.HasPrefix(lower, "proxy-") {
				t.Errorf("%s: %q came along", name, h[name])
			}
		}
	}
	for _, name := range gone {
		if h[http.CanonicalHeaderKey(name)] != nil {
			t.Errorf("%s came along", name)
		}
	}
	for _, name := range stay {
		if h[http.CanonicalHeaderKey(name)] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestHopByHop: what belongs to the sender's connection reaches no upstream and no
// store, and takes nothing else along, in every mode and from HTTP/1.1 and HTTP/2.
func TestHopByHop(t *testing.T) {
	up := newWire(t)
	s := by("github")
	for _, mode := range []string{"forward", "pass", "observe forward", "observe pass"} {
		lines := ""
		if strings.Contains(mode, "observe") {
			lines = "mode observe\n"
		}
		site := s.directive(lines) + "\nreverse_proxy " + up.addr
		if strings.Contains(mode, "forward") {
			site = s.directive(lines + "forward {\n request_header X-Team platform\n reverse_proxy " + up.addr + "\n}")
		}
		g := start(t, setup{globals: "servers {\n protocols h1 h2c\n}", site: "request_header X-Before early\n" + site})
		two := &http.Client{Transport: &http.Transport{Protocols: new(http.Protocols)}, Timeout: patience}
		two.Transport.(*http.Transport).Protocols.SetUnencryptedHTTP2(true)
		t.Cleanup(two.CloseIdleConnections)
		for i, c := range hopCases {
			for _, forged := range []bool{false, true} {
				if forged && !strings.Contains(mode, "observe") {
					continue
				}
				for _, version := range []string{"1.1", "2"} {
					if version == "2" && c.http11 {
						continue
					}
					t.Run(fmt.Sprintf("%s, %s, HTTP/%s, forged %v", mode, c.name, version, forged), func(t *testing.T) {
						id := fmt.Sprint("evt_", i, version, forged)
						body := s.body(id, time.Now())
						signed := s.sign("", body, time.Now(), id)
						if forged {
							signed[1] = "sha256=" + strings.Repeat("0", 64)
						}
						status := 0
						if version == "2" {
							status = sendTwo(t, two, g.addr+"/github", body, signed, c.lines)
						} else {
							status = sendRaw(t, g.addr, "/github", body, signed, c.lines)
						}
						if status != 200 {
							t.Fatalf("answered %d", status)
						}
						got := up.next(t)
						stay := []string{"X-Hub-Signature-256", "X-Before", "Webhook-Gateway-Message-Id"}
						switch {
						case forged:
							stay = append(stay, "Webhook-Gateway-Reason")
						default:
							stay = append(stay, "X-Github-Event", "X-Github-Delivery", "Webhook-Gateway-Signed")
						}
						if strings.Contains(mode, "forward") {
							stay = append(stay, "X-Team")
						}
						for _, line := range c.lines {
							if strings.HasPrefix(line, "X-Stays") {
								stay = append(stay, "X-Stays")
							}
						}
						checkHop(t, got, c.gone, stay...)
					})
				}
			}
		}
		if strings.Contains(mode, "forward") {
			g.drained()
			page, err := g.open().store.(queue.Inspector).Messages(context.Background(), queue.Filter{}, "", 100)
			if err != nil || len(page.Messages) < len(hopCases) {
				t.Fatalf("%d messages are kept: %v", len(page.Messages), err)
			}
			for _, m := range page.Messages {
				found, err := g.open().store.(queue.Inspector).Look(context.Background(), m.ID)
				if err != nil {
					t.Fatal(err)
				}
				checkHop(t, found.Message.Header, []string{"X-Hop", "X-Checked"})
			}
			storedBefore(t, g, up)
		}
		g.stop()
	}
}

// storedBefore delivers a message that an earlier version has stored with all of
// its headers.
func storedBefore(t *testing.T, g *gateway, up *wire) {
	header := http.Header{"X-Hub-Signature-256": {"sha256=00"}, "X-Hop": {"1"}}
	for _, c := range hopCases {
		for _, line := range c.lines {
			name, value, _ := strings.Cut(line, ": ")
			header.Add(name, value)
		}
	}
	now := time.Now()
	m := &queue.Message{
		ID: queue.NewID(now), ReceivedAt: now, Endpoint: "github", Provider: "github",
		Method: "POST", URI: "/github", Host: "hooks.example.com", Proto: "HTTP/1.1", RemoteAddr: "127.0.0.1:1", ClientIP: "127.0.0.1",
		Header: header, Body: []byte("{}"),
	}
	if _, err := g.open().store.Accept(context.Background(), m, queue.Identity{}, queue.Route{Destination: queue.ParseDestination("github")}); err != nil {
		t.Fatal(err)
	}
	checkHop(t, up.next(t), []string{"X-Hop"}, "X-Hub-Signature-256", "X-Stays")
	g.drained()
}

// sendRaw writes a request as it stands. A body with trailers is chunked.
func sendRaw(t *testing.T, addr, target, body string, signed, lines []string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Type: application/json\r\n", target)
	for i := 0; i < len(signed); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", signed[i], signed[i+1])
	}
	chunked := false
	for _, line := range lines {
		fmt.Fprintf(&b, "%s\r\n", line)
		chunked = chunked || strings.HasPrefix(line, "Trailer:")
	}
	if chunked {
		fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX-Checked: 1\r\nX-Hub-Signature-256: sha256=11\r\n\r\n", len(body), body)
	} else {
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	if _, err := conn.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode >= 200 {
			return resp.StatusCode
		}
	}
}

// sendTwo sends it over HTTP/2.
func sendTwo(t *testing.T, client *http.Client, to, body string, signed, lines []string) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://"+to, strings.NewReader(body))
	r.RequestURI = ""
	for i := 0; i < len(signed); i += 2 {
		r.Header.Add(signed[i], signed[i+1])
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Trailer" {
			r.ContentLength = -1
			r.Trailer = http.Header{"X-Checked": {"1"}}
			continue
		}
		r.Header.Add(name, value)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
