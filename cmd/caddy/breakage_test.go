package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// These tests break what the gateway promises, on purpose, with the real binary.

// endpoint is a site with a generic endpoint before the upstream.
func endpoint(u *upstream) string {
	return fmt.Sprintf("ADDR {\n\twebhook_gateway /hook generic {\n\t\tsecret %s\n\t\tforward %s\n\t}\n}\n", secret, u.addr())
}

// patient is an endpoint whose upstream may answer the sender.
func patient(u *upstream) string {
	return fmt.Sprintf("ADDR {\n\twebhook_gateway /hook generic {\n\t\tsecret %s\n\t\tforward %s {\n\t\t\twait 2s\n\t\t}\n\t}\n}\n", secret, u.addr())
}

// kinds are the ways in which an event can be taken and its sender answered.
var kinds = map[string]func(*upstream) string{"answered first": endpoint, "answered by the upstream": patient}

// TestTwins: however many identical deliveries arrive at once, one is forwarded,
// and every sender hears that all is well.
func TestTwins(t *testing.T) {
	const events, twins = 50, 32
	u := newUpstream(t)
	g := newGateway(t, endpoint(u))
	g.start()
	var senders sync.WaitGroup
	ids := make([]string, events)
	for i := range events {
		ids[i] = eventID(i)
		body := genericBody(ids[i])
		for range twins {
			senders.Go(func() {
				if status, err := post(g.url("/hook"), body); err != nil || status != http.StatusOK {
					t.Errorf("got %d, %v", status, err)
				}
			})
		}
	}
	senders.Wait()
	u.awaitAll(t, ids)
	g.stop() // waits for attempts in flight
	taken, _ := u.counts()
	for id, n := range taken {
		if n != 1 {
			t.Errorf("%s was forwarded %d times", id, n)
		}
	}
	if len(taken) != events {
		t.Errorf("%d events were forwarded, want %d", len(taken), events)
	}
}

// TestForgeryTakesNoKey: a bad signature does not use up the real event's ID.
func TestForgeryTakesNoKey(t *testing.T) {
	u := newUpstream(t)
	g := newGateway(t, endpoint(u))
	g.start()
	body := genericBody("evt_1")
	status, answer, err := postAs(g.url("/hook"), body, sign(body+" "))
	if err != nil || status != http.StatusUnauthorized || answer != `{"error":"Invalid signature"}` {
		t.Fatalf("a forgery got %d %q, %v", status, answer, err)
	}
	mustPost(t, g.url("/hook"), body)
	u.awaitAll(t, []string{"evt_1"})
	if strings.Contains(g.log.String(), secret) || strings.Contains(g.log.String(), sign(body)) {
		t.Error("the log has a secret or a signature in it")
	}
}

var kills = flag.Int("kills", 8, "how often TestKill kills the process")

// TestKill kills the process again and again under load. Whatever was answered
// with 200 arrives, the last of it soon after the restart, and at most the events
// whose attempt was cut off arrive twice.
func TestKill(t *testing.T) {
	for kind, site := range kinds {
		t.Run(kind, func(t *testing.T) { kill(t, site) })
	}
}

func kill(t *testing.T, site func(*upstream) string) {
	rounds := *kills
	if testing.Short() {
		rounds = 2
	}
	u := newUpstream(t)
	g := newGateway(t, site(u))
	var acked []string
	var mu sync.Mutex
	next := new(atomic.Int64)
	for round := range rounds {
		g.start()
		enough := make(chan struct{})
		var senders sync.WaitGroup
		var accepted atomic.Int64
		for range 16 {
			senders.Go(func() {
				for {
					id := eventID(int(next.Add(1)))
					status, err := post(g.url("/hook"), genericBody(id))
					if err != nil {
						return // the process is dead
					}
					if status != http.StatusOK {
						t.Errorf("round %d: got %d", round, status)
						return
					}
					mu.Lock()
					acked = append(acked, id)
					mu.Unlock()
					if accepted.Add(1) == int64(100+50*(round%8)) {
						close(enough)
					}
				}
			})
		}
		<-enough
		g.kill()
		senders.Wait()
		client.CloseIdleConnections()
	}
	restarted := time.Now()
	g.start()
	u.awaitAll(t, acked)
	if took := time.Since(restarted); took > 30*time.Second {
		t.Errorf("the last event arrived %s after the restart", took)
	}
	taken, _ := u.counts()
	twice := 0
	for _, n := range taken {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%d rounds, %d acknowledged, lost 0, %d forwarded more than once", rounds, len(acked), twice)
}

// TestDuplicateAcrossRestart: the key is as durable as the event.
func TestDuplicateAcrossRestart(t *testing.T) {
	u := newUpstream(t)
	g := newGateway(t, endpoint(u))
	for _, end := range []func(){g.kill, g.stop, g.kill} {
		g.start()
		mustPost(t, g.url("/hook"), genericBody("evt_same"))
		u.awaitAll(t, []string{"evt_same"})
		end()
		client.CloseIdleConnections()
	}
	// The kill may have come between the upstream's answer and our mark: then the
	// attempt is made again, which is no second acceptance.
	g.start()
	mustPost(t, g.url("/hook"), genericBody("evt_other"))
	u.awaitAll(t, []string{"evt_other"})
	if n := strings.Count(g.log.String(), "duplicate dropped"); n != 2 {
		t.Errorf("%d duplicates dropped, want 2", n)
	}
}

// TestReloadUnderLoad reloads with changed routes while events come in: none is
// lost, none doubled, and no request fails for the gateway's fault.
func TestReloadUnderLoad(t *testing.T) {
	for kind, site := range kinds {
		t.Run(kind, func(t *testing.T) { reloadUnderLoad(t, site) })
	}
}

func reloadUnderLoad(t *testing.T, site func(*upstream) string) {
	u := newUpstream(t)
	g := newGateway(t, site(u))
	g.start()
	stop := make(chan struct{})
	var senders sync.WaitGroup
	var mu sync.Mutex
	var acked []string
	var next atomic.Int64
	for range 8 {
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				id := eventID(int(next.Add(1)))
				body := genericBody(id)
				for { // as a provider does: until it is acknowledged
					status, err := post(g.url("/hook"), body)
					if err == nil && status == http.StatusOK {
						break
					}
					if err == nil {
						t.Errorf("got %d during a reload", status)
					}
				}
				mu.Lock()
				acked = append(acked, id)
				mu.Unlock()
			}
		})
	}
	for i := range 5 {
		g.configure(site(u) + fmt.Sprintf("# version %d\n:0 {\n\trespond %d\n}\n", i, 200+i))
		if err := g.reload(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	senders.Wait()
	u.awaitAll(t, acked)
	g.stop()
	taken, _ := u.counts()
	for id, n := range taken {
		if n > 1 {
			t.Errorf("%s was forwarded %d times", id, n)
		}
	}
	t.Logf("5 reloads, %d acknowledged", len(acked))
}

// TestUpstreamFailures: failing, resetting, cutting its answer short or not
// answering, the upstream gets the event again until it has taken it.
func TestUpstreamFailures(t *testing.T) {
	for name, misbehave := range map[string]http.HandlerFunc{
		"status 500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"redirect":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
		"not found":  http.NotFound,
		"reset": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			}
			panic(http.ErrAbortHandler)
		},
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			w.Write([]byte("the beginning"))
			panic(http.ErrAbortHandler)
		},
		"retry later": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t)
			u.Config.ErrorLog = nil
			u.behave(misbehave)
			g := newGateway(t, endpoint(u))
			g.start()
			mustPost(t, g.url("/hook"), genericBody("evt_1"))
			u.await(t, "a refused attempt", func(_ map[string]int, refused int) bool { return refused > 0 })
			u.behave(nil)
			u.awaitAll(t, []string{"evt_1"})
			g.stop()
			if taken, _ := u.counts(); taken["evt_1"] != 1 {
				t.Errorf("taken %d times", taken["evt_1"])
			}
			if !strings.Contains(g.log.String(), "attempt failed; it will be repeated") {
				t.Error("the failed attempt is not in the log")
			}
		})
	}
}

// TestExitWhileUpstreamHangs: an attempt under way at the exit is not counted and
// is made again by the next process at once.
func TestExitWhileUpstreamHangs(t *testing.T) {
	u := newUpstream(t)
	hanging, hung := make(chan struct{}), make(chan struct{}, 8)
	u.behave(func(http.ResponseWriter, *http.Request) { hung <- struct{}{}; <-hanging })
	g := newGateway(t, endpoint(u))
	g.start()
	mustPost(t, g.url("/hook"), genericBody("evt_1"))
	<-hung
	g.kill()
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Webhook-Gateway-Attempt"); got != "1" {
			t.Errorf("attempt %s, want 1: a cut-off attempt was counted", got)
		}
	})
	g.start()
	u.awaitAll(t, []string{"evt_1"})
	close(hanging)
}

// TestUpstreamDown: nobody listens, and the sender does not notice.
func TestUpstreamDown(t *testing.T) {
	addr := freeAddr(t)
	g := newGateway(t, fmt.Sprintf("ADDR {\n\twebhook_gateway /hook generic {\n\t\tsecret %s\n\t\tforward %s\n\t}\n}\n", secret, addr))
	g.start()
	mustPost(t, g.url("/hook"), genericBody("evt_1"))
	until(t, "a failed attempt in the log", func() bool { return strings.Contains(g.log.String(), "attempt failed") })

	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Webhook-Gateway-Event-Id")
	})}
	go s.Serve(l)
	defer s.Close()
	select {
	case id := <-got:
		if id != "evt_1" {
			t.Errorf("got event %q", id)
		}
	case <-time.After(patience):
		t.Fatal("the event did not come when the upstream was up again")
	}
}

// TestSecondProcess: a store belongs to one process; the second one says so, and
// validating a configuration beside a running gateway is no second use.
func TestSecondProcess(t *testing.T) {
	u := newUpstream(t)
	g := newGateway(t, endpoint(u))
	g.start()
	validate := g.command("validate", "--config", g.caddyfile(), "--adapter", "caddyfile")
	if err := validate.Run(); err != nil {
		t.Fatalf("caddy validate beside a running gateway: %v", err)
	}
	other := newGateway(t, endpoint(u))
	config, err := os.ReadFile(other.caddyfile())
	if err != nil {
		t.Fatal(err)
	}
	shared := strings.ReplaceAll(string(config), filepath.Join(other.dir, "store"), filepath.Join(g.dir, "store"))
	if err := os.WriteFile(other.caddyfile(), []byte(shared), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := other.command("run", "--config", other.caddyfile(), "--adapter", "caddyfile").Run(); err == nil {
		t.Fatal("two processes share a store")
	}
	if log := other.log.String(); !strings.Contains(log, "in use by another process") {
		t.Errorf("the error does not say what is wrong:\n%s", tail(log))
	}
	mustPost(t, g.url("/hook"), genericBody("evt_1"))
}

// TestBadInput sends what no provider would send. Each request gets an answer,
// and none of it takes the place of the real event.
func TestBadInput(t *testing.T) {
	u := newUpstream(t)
	g := newGateway(t, endpoint(u))
	g.start()
	huge := strings.Repeat("x", 11<<20)
	for name, c := range map[string]struct {
		method string
		body   io.Reader
		header http.Header
		want   []int
	}{
		"no signature":        {body: strings.NewReader("{}"), want: []int{401}},
		"empty signature":     {body: strings.NewReader("{}"), header: http.Header{"X-Webhook-Signature": {""}}, want: []int{401}},
		"garbage signature":   {body: strings.NewReader("{}"), header: http.Header{"X-Webhook-Signature": {"\xff\xfe"}}, want: []int{401}},
		"repeated signature":  {body: strings.NewReader("{}"), header: http.Header{"X-Webhook-Signature": {sign("{}"), sign("{}")}}, want: []int{401}},
		"long signature":      {body: strings.NewReader("{}"), header: http.Header{"X-Webhook-Signature": {strings.Repeat("a", 20_000)}}, want: []int{401}},
		"invalid JSON":        {body: strings.NewReader("{"), header: http.Header{"X-Webhook-Signature": {sign("{")}}, want: []int{400}},
		"no time":             {body: strings.NewReader(`{"id":"evt_1"}`), header: http.Header{"X-Webhook-Signature": {sign(`{"id":"evt_1"}`)}}, want: []int{401}},
		"absurd time":         {body: strings.NewReader(absurd), header: http.Header{"X-Webhook-Signature": {sign(absurd)}}, want: []int{400, 401}},
		"empty body":          {body: http.NoBody, header: http.Header{"X-Webhook-Signature": {sign("")}}, want: []int{400}},
		"GET":                 {method: http.MethodGet, want: []int{405}},
		"large body":          {body: strings.NewReader(huge), header: http.Header{"X-Webhook-Signature": {sign(huge)}}, want: []int{413}},
		"large chunked body":  {body: io.MultiReader(strings.NewReader(huge)), header: http.Header{"X-Webhook-Signature": {sign(huge)}}, want: []int{413}},
		"spoofed headers":     {body: strings.NewReader("{}"), header: http.Header{"Webhook-Gateway-Event-Id": {"evt_1"}}, want: []int{401}},
		"brackets by million": {body: strings.NewReader(brackets), header: http.Header{"X-Webhook-Signature": {sign(brackets)}}, want: []int{400}},
	} {
		t.Run(name, func(t *testing.T) {
			method := c.method
			if method == "" {
				method = http.MethodPost
			}
			r, err := http.NewRequest(method, g.url("/hook"), c.body)
			if err != nil {
				t.Fatal(err)
			}
			if c.header != nil {
				r.Header = c.header
			}
			resp, err := client.Do(r)
			var reset *net.OpError
			if errors.As(err, &reset) && c.want[0] == 413 {
				return // it stopped reading, and we were still writing
			}
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			ok := false
			for _, want := range c.want {
				ok = ok || resp.StatusCode == want
			}
			if !ok {
				t.Errorf("got %d, want one of %d", resp.StatusCode, c.want)
			}
		})
	}
	mustPost(t, g.url("/hook"), genericBody("evt_1"))
	u.awaitAll(t, []string{"evt_1"})
	if taken, _ := u.counts(); len(taken) != 1 {
		t.Errorf("the upstream took %d events", len(taken))
	}
}

var absurd = `{"id":"evt_1","created_at":"` + strings.Repeat("9", 30) + `"}`
var brackets = strings.Repeat("[", 1<<20)
