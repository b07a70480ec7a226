package keysource

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// provider is a local server that publishes keys, and a source that trusts it.
type provider struct {
	*Source
	url   string
	asked atomic.Int64
	clock atomic.Int64 // seconds since the start
	serve atomic.Pointer[http.HandlerFunc]
}

func newProvider(t *testing.T, o Options) *provider {
	t.Helper()
	p := &provider{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		(*p.serve.Load())(w, r)
	}))
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	p.url = server.URL + "/keys"
	p.answer("keys 1")
	if o.RootCAs == nil {
		o.RootCAs = x509.NewCertPool()
		o.RootCAs.AddCert(server.Certificate())
	}
	o.Now = func() time.Time { return time.Unix(1_700_000_000+p.clock.Load(), 0) }
	p.Source = New(o)
	t.Cleanup(func() { p.Close() })
	if o.AllowPrivate { // every name leads to the server
		dialer := &net.Dialer{}
		p.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, server.Listener.Addr().String())
		}
	}
	return p
}

func (p *provider) handle(f http.HandlerFunc) { p.serve.Store(&f) }

func (p *provider) answer(body string) {
	p.handle(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
}

func (p *provider) fail(status int) {
	p.handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

func (p *provider) later(d time.Duration) { p.clock.Add(int64(d / time.Second)) }

// settle waits for the fetch that is under way.
func (p *provider) settle() {
	p.mu.Lock()
	var flights []chan struct{}
	for _, d := range p.documents {
		if d.flight != nil {
			flights = append(flights, d.flight)
		}
	}
	p.mu.Unlock()
	for _, f := range flights {
		<-f
	}
}

func (p *provider) get(t *testing.T, after uint64) (verifiers.KeyDocument, error) {
	t.Helper()
	return p.Fetch(t.Context(), verifiers.KeyRequest{URL: p.url, After: after})
}

func (p *provider) wants(t *testing.T, after uint64, body string, asked int64) verifiers.KeyDocument {
	t.Helper()
	d, err := p.get(t, after)
	p.settle()
	if err != nil || string(d.Body) != body {
		t.Errorf("got %q, %v; want %q", d.Body, err, body)
	}
	if n := p.asked.Load(); n != asked {
		t.Errorf("the provider was asked %d times, want %d", n, asked)
	}
	return d
}

func (p *provider) refuses(t *testing.T, after uint64, asked int64) error {
	t.Helper()
	d, err := p.get(t, after)
	p.settle()
	if err == nil || verifiers.ReasonOf(err) != verifiers.UnavailableKey {
		t.Errorf("got %q, %v; want unavailable_key", d.Body, err)
	}
	if n := p.asked.Load(); n != asked {
		t.Errorf("the provider was asked %d times, want %d", n, asked)
	}
	return err
}

var local = Options{AllowPrivate: true}

func TestCache(t *testing.T) {
	p := newProvider(t, local)
	first := p.wants(t, 0, "keys 1", 1)
	p.later(53 * time.Minute)
	p.wants(t, 0, "keys 1", 1)
	p.answer("keys 2")
	p.later(2 * time.Minute)
	p.wants(t, 0, "keys 1", 2) // the newer one is fetched beside
	if second := p.wants(t, 0, "keys 2", 2); second.Version <= first.Version {
		t.Errorf("version %d after %d", second.Version, first.Version)
	}
	p.answer("keys 3")
	p.later(2 * time.Hour)
	d := p.wants(t, 0, "keys 3", 3)
	p.later(2 * time.Hour)
	if same := p.wants(t, 0, "keys 3", 4); same.Version != d.Version {
		t.Error("the same document is said to be a newer one")
	}
}

func TestMaxAge(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                         time.Hour,
		"public":                   time.Hour,
		"max-age=600":              10 * time.Minute,
		"public, Max-Age=7200":     2 * time.Hour,
		"max-age=0":                5 * time.Minute,
		"max-age=99999999":         24 * time.Hour,
		"max-age=-1":               time.Hour,
		"no-store, max-age=7200":   5 * time.Minute,
		"max-age=9999999999999999": time.Hour,
	} {
		if got := maxAge(http.Header{"Cache-Control": {header}}); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestTTL(t *testing.T) {
	p := newProvider(t, local)
	r := verifiers.KeyRequest{URL: p.url, TTL: 24 * time.Hour}
	for range 2 {
		if _, err := p.Fetch(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		p.later(20 * time.Hour)
	}
	if n := p.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// The key of a document is all that it was asked for with.
func TestDocumentsAreToldApart(t *testing.T) {
	p := newProvider(t, local)
	p.handle(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, r.URL, r.Header.Get("X-Key"), string(body))
	})
	seen := map[string]bool{}
	for _, r := range []verifiers.KeyRequest{
		{URL: p.url}, {URL: p.url + "?a"}, {URL: p.url, Method: "POST"}, {URL: p.url, Method: "POST", Body: []byte("b")},
		{URL: p.url, Header: http.Header{"X-Key": {"1"}}}, {URL: p.url, Header: http.Header{"X-Key": {"2"}}},
	} {
		d, err := p.Fetch(t.Context(), r)
		if err != nil || seen[string(d.Body)] {
			t.Errorf("%+v: %q, %v", r, d.Body, err)
		}
		seen[string(d.Body)] = true
	}
}

func TestUnknownKeyAsksOnceAMinute(t *testing.T) {
	p := newProvider(t, local)
	version := p.wants(t, 0, "keys 1", 1).Version
	for range 100 {
		p.wants(t, version, "keys 1", 1) // it is fresh off the press
	}
	p.answer("keys 2")
	p.later(61 * time.Second)
	version = p.wants(t, version, "keys 2", 2).Version
	for range 100 {
		p.wants(t, version, "keys 2", 2)
	}
	p.fail(500)
	p.later(61 * time.Second)
	p.refuses(t, version, 3) // the key may be a new one
	for range 100 {
		p.refuses(t, version, 3)
	}
	p.wants(t, 0, "keys 2", 3) // the old ones serve on
}

func TestLastGoodAnswerServesOn(t *testing.T) {
	p := newProvider(t, local)
	p.wants(t, 0, "keys 1", 1)
	p.fail(500)
	p.later(2 * time.Hour)
	p.wants(t, 0, "keys 1", 2)
	p.wants(t, 0, "keys 1", 2) // it is not asked again at once
	p.later(6 * 24 * time.Hour)
	p.wants(t, 0, "keys 1", 3)
	p.later(24 * time.Hour)
	p.refuses(t, 0, 4)
	p.answer("keys 2")
	p.later(time.Minute)
	p.wants(t, 0, "keys 2", 5)
}

func TestFailuresAreRemembered(t *testing.T) {
	p := newProvider(t, local)
	p.fail(500)
	asked := int64(1)
	p.refuses(t, 0, asked)
	for _, wait := range []time.Duration{10, 20, 40, 60, 60, 60} {
		p.later((wait - 1) * time.Second)
		p.refuses(t, 0, asked)
		p.later(time.Second)
		asked++
		p.refuses(t, 0, asked)
	}
	p.answer("keys 1")
	p.later(time.Minute)
	p.wants(t, 0, "keys 1", asked+1)
}

func TestAnswersThatAreNone(t *testing.T) {
	p := newProvider(t, local)
	r := verifiers.KeyRequest{URL: p.url, Valid: func(b []byte) error {
		if !strings.HasPrefix(string(b), "keys") {
			return errors.New("garbage")
		}
		return nil
	}}
	if _, err := p.Fetch(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for what, f := range map[string]http.HandlerFunc{
		"garbage": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"too large": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "keys"+strings.Repeat(" ", maxDocument))
		},
		"not found":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"no content": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			io.WriteString(w, "keys")
		},
		"a fault": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"another place": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/keys", http.StatusFound)
		},
		"the same host": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		},
		"a large header": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) },
		"a broken length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "-1")
			io.WriteString(w, "")
		},
	} {
		t.Run(what, func(t *testing.T) {
			p.handle(f)
			p.later(2 * time.Hour)
			if d, err := p.Fetch(t.Context(), r); err != nil || string(d.Body) != "keys 1" {
				t.Errorf("the last good answer is lost: %q, %v", d.Body, err)
			}
			fresh := r
			fresh.URL += "?" + strings.ReplaceAll(what, " ", "-")
			if d, err := p.Fetch(t.Context(), fresh); verifiers.ReasonOf(err) != verifiers.UnavailableKey {
				t.Errorf("accepted: %q, %v", d.Body, err)
			}
		})
	}
}

func TestOneFetchForAll(t *testing.T) {
	p := newProvider(t, local)
	arrived, release := make(chan struct{}), make(chan struct{})
	p.handle(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		io.WriteString(w, "keys 1")
	})
	first, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := p.Fetch(first, verifiers.KeyRequest{URL: p.url})
		left <- err
	}()
	<-arrived
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if d, err := p.get(t, 0); err != nil || string(d.Body) != "keys 1" {
				t.Errorf("%q, %v", d.Body, err)
			}
		})
	}
	leave() // who came first has no patience; the others wait on
	if err := <-left; verifiers.ReasonOf(err) != verifiers.UnavailableKey || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(release)
	all.Wait()
	if n := p.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestSlowServer(t *testing.T) {
	p := newProvider(t, Options{AllowPrivate: true, Timeout: time.Millisecond})
	release := make(chan struct{})
	p.handle(func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	// Which of the limits it meets first, that of the whole or that of the
	// handshake, is left to chance.
	if out, ok := errors.AsType[net.Error](p.refusesAny(t)); !ok || !out.Timeout() {
		t.Error(out)
	}
}

// refusesAny is refuses where the request may not even have got through.
func (p *provider) refusesAny(t *testing.T) error {
	t.Helper()
	_, err := p.get(t, 0)
	if verifiers.ReasonOf(err) != verifiers.UnavailableKey {
		t.Error(err)
	}
	return err
}

func TestClose(t *testing.T) {
	p := newProvider(t, local)
	arrived, release := make(chan struct{}), make(chan struct{})
	p.handle(func(http.ResponseWriter, *http.Request) { close(arrived); <-release })
	defer close(release)
	go func() { <-arrived; p.Close() }()
	if err := p.refusesAny(t); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWrongCertificate(t *testing.T) {
	p := newProvider(t, Options{AllowPrivate: true, RootCAs: x509.NewCertPool()})
	err := p.refuses(t, 0, 0)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Error(err)
	}
	good := newProvider(t, local)
	if _, err := good.Fetch(t.Context(), verifiers.KeyRequest{URL: "https://other.test/keys"}); err == nil {
		t.Error("a certificate of another name")
	}
}

func TestDocumentsAreBounded(t *testing.T) {
	p := newProvider(t, local)
	p.wants(t, 0, "keys 1", 1)
	p.mu.Lock()
	for i := range 3 * maxDocuments { // as a flood of invented URLs would
		p.add(keyOf(verifiers.KeyRequest{URL: fmt.Sprint("https://example.com/", i)}))
	}
	n := len(p.documents)
	p.mu.Unlock()
	if n > maxDocuments {
		t.Errorf("%d documents are kept", n)
	}
	p.wants(t, 0, "keys 1", 1)
}

// No error shows more of a URL than its host.
func TestErrorsKeepSecrets(t *testing.T) {
	p := newProvider(t, local)
	p.fail(500)
	for _, url := range []string{
		p.url + "?key=hush", "http://example.com/?key=hush", "https://user:hush@example.com/", "https://example.com/#hush",
		"https://example.com:99999999/hush", "https://EXAMPLE.com/hush", "https://%zz/hush", "https://example.com/%zzhush",
	} {
		_, err := p.Fetch(t.Context(), verifiers.KeyRequest{URL: url, Header: http.Header{"X-Key": {"hush"}}, Body: []byte("hush")})
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestFlightsAreBounded(t *testing.T) {
	p := newProvider(t, local)
	release := make(chan struct{})
	p.handle(func(http.ResponseWriter, *http.Request) { <-release })
	p.mu.Lock()
	for i := range 2 * maxFlights {
		r := verifiers.KeyRequest{URL: fmt.Sprint(p.url, "?", i)}
		p.start(p.add(keyOf(r)), r)
	}
	p.mu.Unlock()
	for len(p.flights) < maxFlights { // as many as there may be are under way
		select {
		case <-t.Context().Done():
			return
		default:
		}
	}
	if n := p.asked.Load(); n > maxFlights {
		t.Errorf("%d fetches at a time", n)
	}
	close(release)
	p.settle()
}
