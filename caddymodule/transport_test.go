package caddymodule

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// listen serves raw connections with f until the test ends.
func listen(t *testing.T, f func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(patience))
				f(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// travelling are the rows whose secret is in the request itself, with a request.
func travelling(t *testing.T) (rows []verifiers.Provider, requests []*signing, secrets []string) {
	for _, row := range providers.All() {
		if _, ok := row.Scheme.(verifiers.Signer); !ok || row.Synchronous != "" {
			continue
		}
		for _, c := range credentials() {
			s, _, err := signerFor(row, "http://hooks.example.com/"+row.Name, c)
			if err != nil {
				continue
			}
			r, err := s.request(time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if u, err := url.Parse(r.URL); err == nil && !strings.Contains(fmt.Sprint(u.Query(), string(r.Body), r.Header, basicOf(r.Header)), c.secret) {
				break
			}
			rows, requests, secrets = append(rows, row), append(requests, s), append(secrets, c.secret)
			break
		}
	}
	if len(rows) < 10 {
		t.Fatalf("only %d rows have a secret that travels", len(rows))
	}
	return rows, requests, secrets
}

func basicOf(h http.Header) string {
	user, password, _ := (&http.Request{Header: h}).BasicAuth()
	return user + ":" + password
}

// TestNoTokensInLogs: whatever an upstream does, no line of the whole process, at the
// lowest level, has a secret that travels in requests, in any spelling.
func TestNoTokensInLogs(t *testing.T) {
	rows, requests, secrets := travelling(t)
	read := func(conn net.Conn) (*http.Request, []byte) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return nil, nil
		}
		dump, _ := httputil.DumpRequest(r, true)
		return r, dump
	}
	quoted := func(dump []byte) string {
		all := string(dump) + base64.StdEncoding.EncodeToString(dump) + base64.URLEncoding.EncodeToString(dump[1:]) + hex.EncodeToString(dump) +
			url.QueryEscape(string(dump)) + url.PathEscape(string(dump))
		text, _ := json.Marshal(string(dump))
		return all + string(text)
	}
	for name, upstream := range map[string]func(net.Conn){
		"cuts off": func(conn net.Conn) {
			if r, _ := read(conn); r != nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
			}
		},
		"hangs up": func(conn net.Conn) { read(conn) },
		"resets": func(conn net.Conn) {
			read(conn)
			_ = conn.(*net.TCPConn).SetLinger(0)
		},
		"says nothing": func(conn net.Conn) {
			read(conn)
			_, _ = conn.Read(make([]byte, 1)) // until the gateway gives up
		},
		"answers garbage": func(conn net.Conn) {
			if r, dump := read(conn); r != nil {
				line := strings.NewReplacer("\r", " ", "\n", " ").Replace(string(dump))
				_, _ = io.WriteString(conn, "HTTP/1.1 "+line+"\r\n\r\n")
			}
		},
		"answers a garbled header": func(conn net.Conn) {
			if r, dump := read(conn); r != nil {
				line := strings.NewReplacer("\r", " ", "\n", " ", ":", " ").Replace(string(dump))
				_, _ = io.WriteString(conn, "HTTP/1.1 500 Oh\r\n"+line+"\r\n\r\n")
			}
		},
		"quotes": func(conn net.Conn) {
			if r, dump := read(conn); r != nil {
				all := quoted(dump)
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 500 Oh\r\nContent-Length: %d\r\n\r\n%s", len(all), all)
			}
		},
		"quotes piece by piece": func(conn net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				return
			}
			body, _ := io.ReadAll(r.Body)
			var all strings.Builder
			for _, values := range r.Header {
				all.WriteString(quoted([]byte("=" + strings.Join(values, " "))))
			}
			for _, values := range r.URL.Query() {
				all.WriteString(quoted([]byte("=" + strings.Join(values, " "))))
			}
			all.WriteString(quoted([]byte(basicOf(r.Header))) + quoted(append([]byte("="), body...)))
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 502 Oh\r\nContent-Length: %d\r\n\r\n%s", all.Len(), all.String())
		},
		"refuses": nil,
	} {
		t.Run(name, func(t *testing.T) {
			addr := freePort(t)
			if upstream != nil {
				addr = listen(t, upstream)
			}
			var site strings.Builder
			for i, row := range rows {
				for _, mode := range []string{"forward", "pass"} {
					fmt.Fprintf(&site, "webhook_gateway /%s/%s %s {\n\tname %s-%s\n\tsecret `%s`\n", mode, row.Name, row.Name, mode, row.Name, secrets[i])
					for _, o := range optionsFor(row) {
						name, value, _ := strings.Cut(o, "=")
						fmt.Fprintf(&site, "\t%s %s\n", name, value)
					}
					if mode == "forward" {
						fmt.Fprintf(&site, "\tretry {\n\t\tattempts 1\n\t\ttimeout 200ms\n\t}\n\tcircuit off\n\tforward %s\n", addr)
					}
					site.WriteString("}\n")
				}
			}
			fmt.Fprintf(&site, "reverse_proxy %s {\n\ttransport http {\n\t\tresponse_header_timeout 200ms\n\t}\n}", addr)
			g := start(t, setup{site: site.String()})
			var senders sync.WaitGroup
			for i, row := range rows {
				for _, mode := range []string{"forward", "pass"} {
					s := *requests[i]
					command := *s.command
					command.url = "http://" + g.addr + "/" + mode + "/" + row.Name
					s.command = &command
					senders.Go(func() {
						r, err := s.request(time.Now())
						if err != nil {
							t.Error(row.Name, err)
							return
						}
						for _, body := range [][]byte{r.Body, nil} { // one is refused by most
							r.Body = body
							hr, err := httpRequest(r, r.URL)
							if err != nil {
								t.Error(row.Name, err)
								return
							}
							if resp, err := g.client.Do(hr); err == nil {
								_, _ = io.Copy(io.Discard, resp.Body)
								_ = resp.Body.Close()
							}
						}
					})
				}
			}
			senders.Wait()
			g.drained()
			for _, row := range rows {
				g.logs.await(t, `"forward-`+row.Name+`"`)
			}
			text := g.logs.String()
			if n := len(g.logs.lines(`"logger":"http.handlers.reverse_proxy"`)); n < len(rows) {
				t.Errorf("reverse_proxy has logged only %d lines", n)
			}
			for i, secret := range secrets {
				_, password, basic := strings.Cut(secret, ":")
				if !basic {
					password = secret
				}
				quoted, _ := json.Marshal(secret)
				for _, written := range []string{
					secret, password, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`), hex.EncodeToString([]byte(secret)),
					base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret)),
					base64.StdEncoding.EncodeToString([]byte("a" + secret))[4:12], base64.StdEncoding.EncodeToString([]byte("ab" + secret))[4:12],
				} {
					if at := strings.Index(text, written); at >= 0 {
						t.Errorf("%s: the secret is in the log: …%s…", rows[i].Name, text[max(0, at-300):min(len(text), at+100)])
						break
					}
				}
			}
		})
	}
}

// TestStderrWarning: the load warns of the option with which Caddy logs secrets.
func TestStderrWarning(t *testing.T) {
	for option, want := range map[string]int{"capture_stderr": 1, "resolve_root_symlink": 0} {
		g := start(t, setup{site: by("stripe").directive("forward {\n php_fastcgi 127.0.0.1:1 {\n "+option+"\n }\n}") + "\nrespond 404"})
		if got := len(g.logs.lines(`"warn"`, "capture_stderr logs all headers", `"endpoint":"stripe"`)); got != want {
			t.Errorf("%s: %d warnings, want %d", option, got, want)
		}
		g.stop()
	}
}

// TestTransportSendsAll: what is hidden from the log reaches the upstream, also behind
// header operations, with a transport of its own, and out of handle_errors.
func TestTransportSendsAll(t *testing.T) {
	up := newUpstream(t)
	for name, site := range map[string]string{
		"forward":       "webhook_gateway gitlab-token {\n secret glpat-1\n forward {\n reverse_proxy " + up.addr + " {\n header_up X-Team platform\n}\n}\n}",
		"transport":     "webhook_gateway gitlab-token {\n secret glpat-1\n forward {\n reverse_proxy " + up.addr + " {\n header_up X-Team platform\n transport http {\n read_buffer 8KiB\n}\n}\n}\n}",
		"within others": "webhook_gateway gitlab-token {\n secret glpat-1\n forward {\n handle /in* {\n route {\n reverse_proxy " + up.addr + " {\n header_up X-Team platform\n}\n}\n}\n}\n}",
		"pass":          "handle /in* {\n webhook_gateway gitlab-token {\n secret glpat-1\n}\n reverse_proxy " + up.addr + " {\n header_up X-Team platform\n}\n}",
		"errors":        "webhook_gateway gitlab-token {\n secret another\n forward 127.0.0.1:1\n}\nhandle_errors {\n reverse_proxy " + up.addr + " {\n method GET\n header_up X-Team platform\n}\n}",
	} {
		t.Run(name, func(t *testing.T) {
			up.t = t
			g := start(t, setup{site: site})
			g.send(post("/in?a=b", `{"object_kind":"push"}`, "X-Gitlab-Token", "glpat-1", "X-Gitlab-Event", "Push Hook", "X-Team", "theirs"))
			got := up.next()
			if got.Header.Get("X-Gitlab-Token") != "glpat-1" || got.Header.Get("X-Team") != "platform" || got.RequestURI != "/in?a=b" {
				t.Errorf("the upstream got %s with %v", got.RequestURI, got.Header)
			}
			line := g.logs.await(t, `"msg":"upstream roundtrip"`)
			if strings.Contains(line, "glpat-1") || !strings.Contains(line, `"X-Gitlab-Token":["[redacted]"]`) {
				t.Error(line)
			}
		})
	}
}

// fickle answers the first request of each connection, and does with the second what
// it is told.
type fickle struct {
	addr            string
	served, dropped atomic.Int64
	got             sync.Map // bodies that were answered
}

func newFickle(t *testing.T, second func(net.Conn, *bufio.Reader)) *fickle {
	u := new(fickle)
	u.addr = listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		u.served.Add(1)
		if _, twice := u.got.LoadOrStore(string(body), true); twice {
			t.Error("an event was answered twice")
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if _, err := in.Peek(1); err != nil {
			return
		}
		u.dropped.Add(1)
		second(conn, in)
	})
	return u
}

// TestClosedConnections: an upstream that closes a kept connection under a delivery
// costs nothing, also with `retry off` and in passthrough.
func TestClosedConnections(t *testing.T) {
	s := by("github")
	for name, second := range map[string]func(net.Conn, *bufio.Reader){
		"closes": func(net.Conn, *bufio.Reader) {},
		"resets": func(conn net.Conn, _ *bufio.Reader) { _ = conn.(*net.TCPConn).SetLinger(0) },
		"reads all": func(conn net.Conn, in *bufio.Reader) {
			if r, err := http.ReadRequest(in); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
			}
		},
	} {
		for _, size := range []int{10, 1 << 20} {
			for _, mode := range []string{"forward", "pass"} {
				t.Run(fmt.Sprint(name, " ", size, " ", mode), func(t *testing.T) {
					up := newFickle(t, second)
					site := s.directive("retry off\n forward {\n reverse_proxy " + up.addr + " {\n header_up X-Team platform\n}\n}")
					if mode == "pass" {
						site = s.directive("") + "\nreverse_proxy " + up.addr
					}
					g := start(t, setup{site: site})
					const events = 20
					for i := range events {
						id := fmt.Sprint("evt_", i)
						body := strings.TrimSuffix(s.body(id, time.Now()), "}") + `,"x":"` + strings.Repeat("x", size) + `"}`
						g.expect(200, s.with(g, body, time.Now(), id))
						g.drained()
					}
					if d := g.destination("github"); d.DeadLetters > 0 {
						t.Errorf("%d events were given up", d.DeadLetters)
					}
					if n := up.served.Load(); n != events {
						t.Errorf("%d of %d were answered", n, events)
					}
					if up.dropped.Load() < events/2 {
						t.Errorf("only %d connections were closed under a request", up.dropped.Load())
					}
				})
			}
		}
	}
}

// TestNoRepetition: what an answer began to is not sent again at once, nor what fails
// on a fresh connection.
func TestNoRepetition(t *testing.T) {
	s := by("github")
	answer := func(text string) func(net.Conn, *bufio.Reader) {
		return func(conn net.Conn, in *bufio.Reader) {
			if r, err := http.ReadRequest(in); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(conn, text)
			}
		}
	}
	for name, second := range map[string]func(net.Conn, *bufio.Reader){
		"a byte":        answer("H"),
		"a status line": answer("HTTP/1.1 200 OK\r\n"),
		"informational": answer("HTTP/1.1 103 Early Hints\r\n\r\n"),
		"half a body":   answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
	} {
		t.Run(name, func(t *testing.T) {
			up := newFickle(t, second)
			g := start(t, setup{site: s.directive("retry off\n forward " + up.addr)})
			for i := range 2 {
				g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
				g.drained()
			}
			if up.served.Load() != 1 || up.dropped.Load() != 1 || g.destination("github").DeadLetters != 1 {
				t.Errorf("%d answered, %d begun, %d given up", up.served.Load(), up.dropped.Load(), g.destination("github").DeadLetters)
			}
		})
	}
	t.Run("fresh connections", func(t *testing.T) {
		var seen atomic.Int64
		addr := listen(t, func(conn net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			seen.Add(1)
		})
		g := start(t, setup{site: s.directive("retry off\n forward " + addr)})
		g.expect(200, s.request(g, "evt_1", time.Now()))
		g.drained()
		if seen.Load() != 1 || g.destination("github").DeadLetters != 1 {
			t.Errorf("%d requests, %d given up", seen.Load(), g.destination("github").DeadLetters)
		}
	})
}

// TestBodySent: a transport gets the event's own bytes however often it is called, and
// what another handler made as that handler made it.
func TestBodySent(t *testing.T) {
	known := []byte(strings.Repeat("the body of an event. ", 1000))
	var tried []string
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		all, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		tried = append(tried, string(all))
		if err != nil {
			return nil, err
		}
		return nil, io.EOF
	})
	failing := errors.New("the body ends here")
	cut := func(body string) io.Reader { return io.MultiReader(strings.NewReader(body), ending{failing}) }
	for name, c := range map[string]struct {
		body io.Reader
		want string
		err  error
	}{
		"the event's":       {strings.NewReader(string(known)), string(known), io.EOF},
		"byte by byte":      {iotest.OneByteReader(strings.NewReader(string(known))), string(known), io.EOF},
		"another":           {strings.NewReader("another"), "another", io.EOF},
		"empty":             {strings.NewReader(""), "", io.EOF},
		"shorter":           {strings.NewReader(string(known[:5000])), string(known[:5000]), io.EOF},
		"longer":            {strings.NewReader(string(known) + "!"), string(known) + "!", io.EOF},
		"changed at an end": {strings.NewReader(string(known[:5000]) + "!"), string(known[:5000]) + "!", io.EOF},
		"with an error":     {cut(string(known[:5000])), string(known[:5000]), failing},
		"all and an error":  {cut(string(known)), string(known), failing},
	} {
		t.Run(name, func(t *testing.T) {
			tried = nil
			x := &exchange{body: known}
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Body, r.ContentLength = io.NopCloser(c.body), int64(len(known))
			if _, err := x.send(base, r); !errors.Is(err, c.err) || len(tried) != 1 || tried[0] != c.want {
				t.Errorf("%.50q, %v", tried, err)
			}
			r.Body = io.NopCloser(strings.NewReader(""))
			if _, _ = x.send(base, r); (tried[1] == string(known)) != (c.want == string(known) && c.err == io.EOF) {
				t.Errorf("the second call sent %.50q", tried[1])
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestTransportQuiet: without debug lines reverse_proxy has none of an event's headers for
// its other lines, and the upstream gets all of them.
func TestTransportQuiet(t *testing.T) {
	got := make(chan http.Header, 1)
	addr := listen(t, func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		got <- r.Header
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"+strings.Repeat("x", heldLimit+1))
	})
	g := start(t, setup{level: "INFO", site: "webhook_gateway gitlab-token {\n secret glpat-1\n}\nreverse_proxy " + addr})
	_, _ = g.exchange(post("/in", `{"object_kind":"push"}`, "X-Gitlab-Token", "glpat-1", "X-Gitlab-Event", "Push Hook"))
	if h := <-got; h.Get("X-Gitlab-Token") != "glpat-1" || h.Get("Webhook-Gateway-Endpoint") != "gitlab-token" {
		t.Errorf("the upstream got %v", h)
	}
	line := g.logs.await(t, "aborting with incomplete response")
	if !strings.Contains(line, `"headers":{}`) {
		t.Errorf("logged %s", line)
	}
	if lines := g.logs.lines("upstream roundtrip"); lines != nil {
		t.Errorf("there are debug lines: %v", lines)
	}
}
