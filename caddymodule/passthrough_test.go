package caddymodule

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// sync is a site whose Stripe endpoint passes verified events on.
func passthrough(up *upstream) string {
	return by("stripe").directive("") + "reverse_proxy " + up.addr + " {\n flush_interval -1\n}\n"
}

// TestPassthroughAnswer: the upstream's answer is the sender's, and only a
// success takes the key.
func TestPassthroughAnswer(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: passthrough(up)})
	s := by("stripe")
	for i, status := range []int{500, 404, 302, 429, 200, 201, 204} {
		id := fmt.Sprint("evt_", status)
		up.answers(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("X-Own", "one")
			w.Header().Add("X-Own", "two")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			if status != 204 {
				fmt.Fprint(w, "answer ", i)
			}
		})
		for range 2 {
			a := g.expect(status, s.request(g, id, time.Now()))
			up.next()
			want := fmt.Sprint("answer ", i)
			if status == 204 {
				want = ""
			}
			if a.body != want || !slices.Equal(a.header["X-Own"], []string{"one", "two"}) || a.header.Get("Location") != "/elsewhere" {
				t.Errorf("answered %v with %v", a, a.header)
			}
			if success(status) {
				break
			}
		}
		if success(status) { // now it is a duplicate, which gets the provider's success
			g.expect(200, s.request(g, id, time.Now()))
			up.nothing()
		}
	}
	// An event that failed at first is accepted when it is sent again.
	up.status(200)
	g.expect(200, s.request(g, "evt_500", time.Now()))
	up.next()
	g.expect(200, s.request(g, "evt_500", time.Now()))
	up.nothing()
	if n := g.open().store.Stats().Bytes; n != 0 {
		t.Errorf("%d bytes of messages are stored", n)
	}
}

// TestPassthroughMark: the sender has the answer before its key is durable, and a twin
// gets none until then.
func TestPassthroughMark(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	g := start(t, setup{store: m.line(), site: passthrough(up)})
	s := by("stripe")
	g.expect(200, s.request(g, "evt_0", time.Now())) // the store is open
	up.next()

	gate := make(chan struct{})
	m.syncing.Store(&gate)
	openGate := sync.OnceFunc(func() { m.syncing.Store(nil); close(gate) })
	defer openGate()
	g.expect(200, s.request(g, "evt_1", time.Now())) // returns while no sync does
	up.next()
	twin := make(chan reply, 1)
	go func() { twin <- g.send(s.request(g, "evt_1", time.Now())) }()
	until(t, "the twin to wait", func() bool { return g.open().window.Waiting() == 1 })
	if len(twin) > 0 {
		t.Error("the twin was answered before the key was durable")
	}
	openGate()
	if a := <-twin; a.status != 200 {
		t.Errorf("the twin got %v", a)
	}
	up.nothing()

	// The process waits for keys that are under way before it closes the store.
	g.expect(200, s.request(g, "evt_2", time.Now()))
	up.next()
	g.stop()
	g = start(t, setup{store: m.line(), site: passthrough(up)})
	g.expect(200, s.request(g, "evt_2", time.Now()))
	up.nothing()
}

// TestPassthroughRefuses: nothing that is not verified gets through.
func TestPassthroughRefuses(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: passthrough(up)})
	s := by("stripe")
	r := s.request(g, "evt_1", time.Now())
	r.Header.Del("Stripe-Signature")
	g.expect(401, r)
	g.expect(401, s.request(g, "evt_1", time.Now().Add(-time.Hour)))
	r = s.request(g, "evt_1", time.Now())
	r.Method = http.MethodPut
	g.expect(405, r)
	up.nothing()
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
}

// TestPassthroughStreams: the sender sees the answer's beginning before its end.
func TestPassthroughStreams(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: passthrough(up)})
	seen := make(chan struct{})
	up.answers(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "begin ")
		http.NewResponseController(w).Flush()
		select {
		case <-seen:
		case <-time.After(patience):
		}
		io.WriteString(w, "end")
	})
	resp, err := g.client.Do(by("stripe").request(g, "evt_1", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, len("begin "))
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "begin " {
		t.Fatalf("%q, %v", first, err)
	}
	close(seen)
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "end" {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestTwins: identical requests at once reach the upstream once, and all get the
// answer that it came to.
func TestTwins(t *testing.T) {
	for status, twins := range map[int]int{200: 200, 201: 200, 500: 500, 404: 404, 302: 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			up := newUpstream(t)
			g := start(t, setup{site: passthrough(up)})
			answer := make(chan struct{})
			up.answers(func(w http.ResponseWriter, _ *http.Request) {
				<-answer
				w.WriteHeader(status)
			})
			const number = 20
			statuses := make(chan int, number)
			var all sync.WaitGroup
			for range number {
				all.Go(func() {
					a, err := g.exchange(by("stripe").request(g, "evt_1", time.Now()))
					if err != nil {
						t.Error(err)
					}
					statuses <- a.status
				})
			}
			up.next()
			until(t, "all twins to wait", func() bool { return g.open().window.Waiting() == number-1 })
			close(answer)
			all.Wait()
			own := 0
			for range number {
				switch got := <-statuses; got {
				case status:
					own++
				case twins:
				default:
					t.Errorf("a twin got %d", got)
				}
			}
			if own == 0 || status != twins && own != 1 {
				t.Errorf("%d got the upstream's own answer", own)
			}
			up.nothing()
		})
	}
}

// TestTwinTakesOver: when the sender of the first hangs up, one of its twins is
// passed on in its place.
func TestTwinTakesOver(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: passthrough(up)})
	first := make(chan struct{})
	up.answers(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-first:
		}
	})
	s := by("stripe")
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := g.exchange(s.request(g, "evt_1", time.Now()).WithContext(ctx))
		gone <- err
	}()
	up.next()
	statuses := make(chan int)
	for range 3 {
		go func() {
			a, _ := g.exchange(s.request(g, "evt_1", time.Now()))
			statuses <- a.status
		}()
	}
	until(t, "the twins to wait", func() bool { return g.open().window.Waiting() == 3 })
	hangUp()
	if err := <-gone; err == nil {
		t.Error("the first got an answer")
	}
	up.next() // a twin's
	close(first)
	for range 3 {
		if status := <-statuses; status != 200 {
			t.Errorf("a twin got %d", status)
		}
	}
	up.nothing()
}

// TestWaitingTwinHangsUp: a twin that goes away disturbs nobody.
func TestWaitingTwinHangsUp(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: passthrough(up)})
	answer := make(chan struct{})
	up.answers(func(http.ResponseWriter, *http.Request) { <-answer })
	s := by("stripe")
	status := make(chan int)
	go func() {
		a, _ := g.exchange(s.request(g, "evt_1", time.Now()))
		status <- a.status
	}()
	up.next()
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := g.exchange(s.request(g, "evt_1", time.Now()).WithContext(ctx))
		gone <- err
	}()
	until(t, "the twin to wait", func() bool { return g.open().window.Waiting() == 1 })
	hangUp()
	<-gone
	until(t, "the twin to be gone", func() bool { return g.open().window.Waiting() == 0 })
	close(answer)
	if got := <-status; got != 200 {
		t.Errorf("the first got %d", got)
	}
	up.nothing()
}

// TestNobodyAnswers: an event that no handler has seen is not acknowledged.
func TestNobodyAnswers(t *testing.T) {
	g := start(t, setup{site: by("stripe").directive("")})
	r := by("stripe").request(g, "evt_1", time.Now())
	if a := g.expect(503, r); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	g.logs.await(t, `"level":"error"`, "no handler answered the event", `"endpoint":"stripe"`)
	// Nor does it take the key.
	up := newUpstream(t)
	g.load(passthrough(up))
	g.expect(200, by("stripe").request(g, "evt_1", time.Now()))
	up.next()
}

// TestPassthroughUpstreamGone: without an upstream the sender is asked to try again.
func TestPassthroughUpstreamGone(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: by("stripe").directive("") + "reverse_proxy " + freePort(t)})
	g.expect(502, by("stripe").request(g, "evt_1", time.Now()))
	g.load(passthrough(up))
	g.expect(200, by("stripe").request(g, "evt_1", time.Now()))
	up.next()

	// An answer that is cut off in the middle was a success all the same.
	up.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "short")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	if _, err := g.exchange(by("stripe").request(g, "evt_2", time.Now())); err == nil {
		t.Error("the answer was not cut off")
	}
	up.next()
	g.expect(200, by("stripe").request(g, "evt_2", time.Now()))
	up.nothing()
}

// TestReplays: a captured body under a fresh ID, which GitHub does not sign.
func TestReplays(t *testing.T) {
	const body = `{"ref":"captured"}`
	s := by("github")
	for _, mode := range []string{"forward", "pass"} {
		for _, replays := range []string{"", "replays allow", "replays refuse"} {
			t.Run(mode+" "+replays, func(t *testing.T) {
				up := newUpstream(t)
				name := fmt.Sprintf("replays-%s-%d", mode, len(replays))
				site := s.directive("name "+name+"\n"+replays) + "reverse_proxy " + up.addr
				if mode == "forward" {
					site = s.directive("name " + name + "\n" + replays + "\n forward " + up.addr)
				}
				g := start(t, setup{site: site})
				before := counted(t, name)
				send := func(id string, through bool) {
					t.Helper()
					g.expect(200, s.with(g, body, time.Now(), id))
					if through {
						up.next()
					}
				}
				send("first", true)
				send("second", replays != "replays refuse")
				send("first", false)
				send("second", false)
				g.drained()
				up.nothing()
				after := counted(t, name)
				want := map[string]float64{"accepted": 2, "replayed": 0, "duplicate": 2} // a replay that is let through counts as accepted
				if replays == "replays refuse" {                                         // the second is never taken, so it stays a replay
					want = map[string]float64{"accepted": 1, "replayed": 2, "duplicate": 1}
				}
				for outcome, n := range want {
					if got := after[outcome] - before[outcome]; got != n {
						t.Errorf("%s counted %v times, want %v", outcome, got, n)
					}
				}
			})
		}
	}
}
