package caddymodule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyevents/eventsconfig"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/logging"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/requestbody"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"

	"github.com/hookwicket/hookwicket/queue"
)

// patience is how long a test waits for an effect.
const patience = 10 * time.Second

// setup is a gateway to be started: a real Caddy in this process. Only one can run at a
// time, so these tests do not run in parallel.
type setup struct {
	store   string // default: pebble in a folder of the test's
	app     string // further lines of the global option webhook_gateway
	globals string // further global options
	admin   string // the admin endpoint's address; default: off
	level   string // of the log; default: DEBUG
	site    string
}

// gateway is the running Caddy.
type gateway struct {
	setup
	t      testing.TB
	addr   string
	name   string
	logs   *logs
	client *http.Client
	loads  int
}

// starts counts, since Caddy never lets go of a log of one name.
var starts atomic.Int64

// start loads a configuration, and ends it with the test.
func start(t testing.TB, s setup) *gateway {
	t.Helper()
	if s.store == "" {
		s.store = "pebble " + t.TempDir()
	}
	if s.admin == "" {
		s.admin = "off"
	}
	if s.level == "" {
		s.level = "DEBUG"
	}
	g := &gateway{setup: s, t: t, addr: freePort(t), name: fmt.Sprintf("%s-%d", t.Name(), starts.Add(1)), logs: newLogs(), client: newClient(t)}
	logSinks.Store(g.name, g.logs)
	t.Cleanup(g.stop)
	g.load(s.site)
	return g
}

// stop ends Caddy and waits until it has let go of the store.
func (g *gateway) stop() {
	if err := caddy.Stop(); err != nil {
		g.t.Error("stopping: ", err)
	}
	until(g.t, "the store to be closed", func() bool { return openStoresCount() == 0 })
	handover.Lock() // the pool forgets a store before it is closed
	defer handover.Unlock()
}

func openStoresCount() (n int) {
	stores.Range(func(_, _ any) bool { n++; return true })
	return n
}

// load makes a site the running configuration, and waits until no connection
// reaches the one before, whose listeners close a little later.
func (g *gateway) load(site string) {
	g.t.Helper()
	g.loads++
	mark := fmt.Sprintf("/hookwicket-test/%d", g.loads)
	if err := g.try("respond " + mark + " here 299\n" + site); err != nil {
		g.t.Fatal("loading: ", err)
	}
	if g.loads == 1 {
		return
	}
	row := 0
	until(g.t, "the new configuration", func() bool {
		r := post(mark, "")
		r.Close = true
		if a, err := g.exchange(r); err == nil && a.status == 299 {
			row++
		} else {
			row = 0
		}
		return row == 5
	})
}

// try is load for configurations that may be refused.
func (g *gateway) try(site string) error {
	g.t.Helper()
	config, err := adapt(g.caddyfile(site))
	if err != nil {
		g.t.Fatalf("adapting: %v\n%s", err, g.caddyfile(site))
	}
	defer g.client.CloseIdleConnections()
	return caddy.Load(config, true)
}

func (g *gateway) caddyfile(site string) string {
	_, port, _ := net.SplitHostPort(g.addr)
	return fmt.Sprintf(`{
	admin %s
	persist_config off
	auto_https off
	default_bind 127.0.0.1
	log {
		output hookwicket_test %s
		level %s
	}
	webhook_gateway {
		store %s
		%s
	}
	%s
}
http://:%s {
	%s
}
`, g.admin, g.name, g.level, g.store, g.app, g.globals, port, site)
}

// endpoint returns a provisioned handler of the running configuration.
func endpoint(t testing.TB, name string) *Handler {
	t.Helper()
	app, err := caddy.ActiveContext().App("webhook_gateway")
	if err != nil {
		t.Fatal(err)
	}
	h := app.(*App).endpoints[name]
	if h == nil {
		t.Fatalf("there is no endpoint %q", name)
	}
	return h
}

// open returns the store that is in use.
func (g *gateway) open() (s *shared) {
	g.t.Helper()
	stores.Range(func(_, v any) bool { s = v.(*shared); return false })
	if s == nil {
		g.t.Fatal("no store is open")
	}
	return s
}

// waiting counts the deliveries that are not done.
func (g *gateway) waiting() (n int64) {
	for _, d := range g.open().store.Stats().Destinations {
		n += d.Waiting
	}
	return n
}

// drained waits until all is delivered.
func (g *gateway) drained() {
	g.t.Helper()
	until(g.t, "the deliveries", func() bool { return g.waiting() == 0 })
}

// until waits for a condition that must come about by itself.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !cond(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func newClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// reply is the answer to a sender.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) String() string {
	return fmt.Sprintf("%d %q %q", r.status, r.header.Get("Content-Type"), r.body)
}

// send sends a request, whose URL needs no host.
func (g *gateway) send(r *http.Request) reply {
	g.t.Helper()
	a, err := g.exchange(r)
	if (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)) && r.GetBody != nil {
		// It was still with the listener of a configuration that has gone.
		r.Body, _ = r.GetBody()
		a, err = g.exchange(r)
	}
	if err != nil {
		g.t.Fatal("sending: ", err)
	}
	return a
}

func (g *gateway) exchange(r *http.Request) (reply, error) {
	if r.URL.Host == "" {
		r.URL.Scheme, r.URL.Host = "http", g.addr
	}
	resp, err := g.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body)}, err
}

// expect sends a request and looks at the status alone.
func (g *gateway) expect(status int, r *http.Request) reply {
	g.t.Helper()
	a := g.send(r)
	if a.status != status {
		g.t.Errorf("%s %s: answered %v, want status %d", r.Method, r.URL.Path, a, status)
	}
	return a
}

// post makes an unsigned request.
func post(path string, body string, header ...string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// upstream is a receiver app.
type upstream struct {
	t      *testing.T
	addr   string
	got    chan *received
	answer atomic.Pointer[http.HandlerFunc]
}

// received is a request that reached the upstream.
type received struct {
	*http.Request
	body []byte
}

// newUpstream starts a receiver that answers with 200 until told otherwise.
func newUpstream(t *testing.T) *upstream {
	u := &upstream{t: t, got: make(chan *received, 1<<16)}
	u.answers(func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		u.got <- &received{r, body}
		(*u.answer.Load())(w, r)
	}))
	server.Config.ErrorLog = discardLog
	server.Start()
	t.Cleanup(server.Close)
	u.addr = server.Listener.Addr().String()
	return u
}

func (u *upstream) answers(f http.HandlerFunc) { u.answer.Store(&f) }

// status makes the upstream answer with a status alone.
func (u *upstream) status(status int) {
	u.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// next waits for a request.
func (u *upstream) next() *received {
	u.t.Helper()
	select {
	case r := <-u.got:
		return r
	case <-time.After(patience):
		u.t.Fatal("nothing came to the upstream")
		return nil
	}
}

// nothing checks that no request has come that next has not returned.
func (u *upstream) nothing() {
	u.t.Helper()
	select {
	case r := <-u.got:
		u.t.Errorf("the upstream got %s %s %q, which it should not have", r.Method, r.RequestURI, r.body)
	default:
	}
}

// logs are the lines that Caddy has logged.
type logs struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote chan struct{}
}

func newLogs() *logs { return &logs{wrote: make(chan struct{})} }

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.wrote)
	l.wrote = make(chan struct{})
	return l.text.Write(p)
}

func (*logs) Close() error { return nil }

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines returns the lines that contain all of the words.
func (l *logs) lines(words ...string) (found []string) {
	for line := range strings.Lines(l.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}

// await waits for a line that contains all of the words.
func (l *logs) await(t *testing.T, words ...string) string {
	t.Helper()
	for timeout := time.After(patience); ; {
		l.mu.Lock()
		wrote := l.wrote
		l.mu.Unlock()
		if found := l.lines(words...); found != nil {
			return found[0]
		}
		select {
		case <-wrote:
		case <-timeout:
			t.Fatalf("no line of the log has %q", words)
		}
	}
}

// logSinks are the logs by the name that stands in the configuration.
var logSinks sync.Map

func init() { caddy.RegisterModule(&logWriter{}) }

// logWriter lets Caddy log into memory.
type logWriter struct {
	Name string `json:"name,omitempty"`
}

func (*logWriter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.writers.hookwicket_test", New: func() caddy.Module { return new(logWriter) }}
}

func (w *logWriter) String() string    { return "memory" }
func (w *logWriter) WriterKey() string { return "memory:" + w.Name }

func (w *logWriter) OpenWriter() (io.WriteCloser, error) {
	sink, ok := logSinks.Load(w.Name)
	if !ok {
		return nil, fmt.Errorf("no log is called %q", w.Name)
	}
	return sink.(*logs), nil
}

func (w *logWriter) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	d.Args(&w.Name)
	return nil
}

// destination returns the store's figures of an endpoint's deliveries.
func (g *gateway) destination(name string) queue.DestinationStats {
	g.t.Helper()
	return g.open().store.Stats().Destinations[queue.ParseDestination(name)]
}
