package caddymodule

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// waiting is a forward that may answer the sender.
func (u *upstream) waiting(lines string) string {
	return "forward " + u.addr + " {\n wait 5s\n " + lines + "\n}"
}

// settled waits until nothing waits, and checks that nothing is counted as in
// memory any more.
func (g *gateway) settled() {
	g.t.Helper()
	g.drained()
	until(g.t, "the memory to be free", func() bool { return g.open().room.total.Load() == 0 })
}

// TestHybridAnswer: the sender gets the upstream's own answer, whole and as it is,
// and the upstream gets the event once.
func TestHybridAnswer(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive(up.waiting("sign_with " + ownSecret))})
	long := strings.Repeat("0123456789", maxAnswer/10)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		status int
		body   string
	}{
		"short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Add("X-Two", "1")
			w.Header().Add("X-Two", "2")
			w.WriteHeader(201)
			io.WriteString(w, `{"ok":true}`)
		}, 201, `{"ok":true}`},
		"as long as may be": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, long) }, 200, long},
		"empty":             {func(http.ResponseWriter, *http.Request) {}, 200, ""},
		"no content":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, ""},
		"in pieces": {func(w http.ResponseWriter, _ *http.Request) {
			for _, piece := range []string{"a", "b", "c"} {
				io.WriteString(w, piece)
				w.(http.Flusher).Flush()
			}
		}, 200, "abc"},
		"after an interim one": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Del("Link")
			w.WriteHeader(202)
			io.WriteString(w, "final")
		}, 202, "final"},
		"with trailers": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			w.Header().Set("Connection", "X-Hop")
			w.Header().Set("X-Hop", "1")
			io.WriteString(w, "body")
			w.Header().Set("X-Sum", "7")
		}, 200, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			up.t, g.t = t, t
			up.answers(test.answer)
			a := g.send(s.request(g, "evt_"+name, time.Now()))
			if a.status != test.status || a.body != test.body {
				t.Errorf("answered %d with %d bytes", a.status, len(a.body))
			}
			for _, header := range []string{"X-Hop", "X-Sum", "Trailer", "Link", "Transfer-Encoding"} {
				if v := a.header.Values(header); v != nil {
					t.Errorf("%s: %q", header, v)
				}
			}
			if name == "short" && (a.header.Get("Content-Type") != "application/json" || len(a.header["X-Two"]) != 2) {
				t.Errorf("header %v", a.header)
			}
			got := up.next()
			checkResigned(t, got, got.Header.Get("Webhook-Gateway-Message-Id"), time.Now(), ownSecret)
			g.settled()
			up.nothing()
		})
	}
}

// TestHybridOtherwise: where the upstream does not answer well, or not in time,
// the sender gets the provider's success, and the event is delivered all the same.
func TestHybridOtherwise(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	s := by("generic") // whose success has a body
	g := start(t, setup{store: m.line(), site: s.directive(up.waiting(""))})
	for name, answer := range map[string]http.HandlerFunc{
		"an error":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) },
		"a redirect": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) },
		"a conflict": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusConflict) },
		"half of it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
		},
	} {
		t.Run(name, func(t *testing.T) {
			up.t, g.t = t, t
			up.answers(answer)
			id := "evt_" + name
			if a := g.send(s.request(g, id, time.Now())); a.String() != s.success.String() {
				t.Errorf("answered %v", a)
			}
			up.status(200)
			until(t, "the delivery", func() bool { m.later(); return g.waiting() == 0 })
			message := ""
			for n := 1; len(up.got) > 0; n++ {
				h := up.next().Header
				if message == "" {
					message = h.Get("Webhook-Gateway-Message-Id")
				}
				if h.Get("Webhook-Gateway-Attempt") != fmt.Sprint(n) || h.Get("Webhook-Gateway-Message-Id") != message {
					t.Errorf("attempt %d: %v", n, h)
				}
			}
			g.settled()
		})
	}
	t.Run("too long", func(t *testing.T) {
		up.t, g.t = t, t
		up.answers(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", maxAnswer+1)) })
		if a := g.send(s.request(g, "evt_long", time.Now())); a.String() != s.success.String() {
			t.Errorf("answered %v", a)
		}
		up.next()
		g.settled() // it was a success
		up.nothing()
	})
	t.Run("nobody listens", func(t *testing.T) {
		g.t = t
		g.load(s.directive("forward 127.0.0.1:1 {\n wait 5s\n}"))
		if a := g.send(s.request(g, "evt_refused", time.Now())); a.String() != s.success.String() {
			t.Errorf("answered %v", a)
		}
		if n := g.waiting(); n != 1 {
			t.Errorf("%d wait", n)
		}
	})
}

// held is an upstream that answers when it is told to.
func (u *upstream) held() (answer func()) {
	let := make(chan struct{})
	u.answers(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-let:
			io.WriteString(w, "the upstream's")
		case <-r.Context().Done():
		}
	})
	return func() { close(let) }
}

// TestHybridSlow: when the wait is over the sender is answered, and the attempt
// goes on: the upstream does not get the event twice.
func TestHybridSlow(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive("forward " + up.addr + " {\n wait 50ms\n}")})
	answer := up.held()
	began := time.Now()
	if a := g.expect(200, s.request(g, "evt_1", time.Now())); a.body != "" {
		t.Errorf("answered %v", a)
	}
	if waited := time.Since(began); waited < 50*time.Millisecond {
		t.Errorf("answered after %v", waited)
	}
	up.next()
	answer()
	g.settled()
	up.nothing()
}

// TestHybridDuplicates: twins and later duplicates get the provider's success as
// soon as the event is durable; they do not wait for the upstream.
func TestHybridDuplicates(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive(up.waiting(""))})
	answer := up.held()
	now := time.Now()
	first := g.later(s.request(g, "evt_1", now))
	up.next()
	for range 3 {
		if a := g.expect(200, s.request(g, "evt_1", now)); a.body != "" {
			t.Errorf("a duplicate was answered %v", a)
		}
	}
	answer()
	if a := <-first; a.body != "the upstream's" {
		t.Errorf("the first was answered %v", a)
	}
	g.settled()
	up.nothing()
}

// TestHybridHeldBack: where the forward may make no attempt now, nobody waits for
// one, and the event is delivered when it may.
func TestHybridHeldBack(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	for name, lines := range map[string]string{
		"concurrency": "concurrency 1",
		"rate":        "rate 1/m 1",
		"order":       "order by json type",
	} {
		t.Run(name, func(t *testing.T) {
			up.t = t
			m := newMachine(t)
			g := start(t, setup{store: m.line(), site: s.directive(up.waiting(lines))})
			answer := up.held()
			first := g.later(s.request(g, "evt_1", time.Now()))
			up.next()
			if a := g.expect(200, s.request(g, "evt_2", time.Now())); a.body != "" {
				t.Errorf("answered %v", a)
			}
			up.nothing()
			answer()
			if a := <-first; a.body != "the upstream's" {
				t.Errorf("the first was answered %v", a)
			}
			if name == "rate" {
				return // the second is due in a minute
			}
			if got := up.next().Header; got.Get("Webhook-Gateway-Event-Id") != "evt_2" || got.Get("Webhook-Gateway-Attempt") != "1" {
				t.Errorf("got %v", got)
			}
			g.settled()
			up.nothing()
		})
	}
	t.Run("circuit", func(t *testing.T) {
		up.t = t
		g := start(t, setup{store: newMachine(t).line(), site: s.directive(up.waiting("circuit {\n consecutive 1\n open 1h 1h\n}"))})
		up.status(500)
		g.expect(200, s.request(g, "evt_1", time.Now()))
		up.next()
		g.expect(200, s.request(g, "evt_2", time.Now()))
		if n := g.waiting(); n != 2 {
			t.Errorf("%d wait", n)
		}
		up.nothing()
	})
}

// TestHybridPaused: a person who has paused the forward is obeyed.
func TestHybridPaused(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive(up.waiting(""))})
	pause := func(paused bool) {
		if err := g.open().store.(queue.Inspector).Pause(t.Context(), queue.ParseDestination("stripe"), paused); err != nil {
			t.Fatal(err)
		}
	}
	pause(true)
	if a := g.expect(200, s.request(g, "evt_1", time.Now())); a.body != "" {
		t.Errorf("answered %v", a)
	}
	if n := g.waiting(); n != 1 {
		t.Errorf("%d wait", n)
	}
	up.nothing()
	pause(false)
	up.next()
	g.settled()
	up.nothing()
}

// TestHybridOthers: the other forwards go on as they do, whatever becomes of the
// answer.
func TestHybridOthers(t *testing.T) {
	up, other := newUpstream(t), newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive("forward " + up.addr + " {\n as answers\n wait 5s\n}\nforward " + other.addr + " {\n as audit\n}")})
	answer := up.held()
	first := g.later(s.request(g, "evt_1", time.Now()))
	up.next()
	other.next() // while the sender waits
	answer()
	if a := <-first; a.body != "the upstream's" {
		t.Errorf("answered %v", a)
	}
	g.settled()
	up.nothing()
	other.nothing()
}

// TestHybridReload: a reload in the middle costs neither the answer nor the event.
func TestHybridReload(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive(up.waiting(""))})
	answer := up.held()
	first := g.later(s.request(g, "evt_1", time.Now()))
	up.next()
	g.load(g.site + "\n")
	answer()
	if a := <-first; a.status != 200 || a.body != "the upstream's" {
		t.Errorf("answered %v", a)
	}
	g.settled()
	up.nothing()
}

// TestHybridStops: when the gateway ends in the middle, the event is there for the
// next one.
func TestHybridStops(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	s := by("stripe")
	g := start(t, setup{store: m.line(), site: s.directive("forward " + up.addr + " {\n wait 10ms\n retry {\n  timeout 1s\n }\n}")})
	up.held() // for ever
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
	g.stop()
	up.status(200)
	g = start(t, setup{store: m.line(), site: g.site})
	until(t, "the delivery", func() bool { m.later(); return g.waiting() == 0 })
	if got := up.next().Header; got.Get("Webhook-Gateway-Event-Id") != "evt_1" {
		t.Errorf("got %v", got)
	}
}

// TestHybridHangsUp: a sender that does not wait takes nothing away.
func TestHybridHangsUp(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive(up.waiting(""))})
	answer := up.held()
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if _, err := g.exchange(s.request(g, "evt_1", time.Now()).WithContext(ctx)); err == nil {
			t.Error("it was answered")
		}
	}()
	up.next()
	hangUp()
	<-gone
	answer()
	g.settled()
	up.nothing()
}

// TestHybridPatience: a wait that the sender does not have is warned of.
func TestHybridPatience(t *testing.T) {
	s := by("github") // which waits 10 s
	g := start(t, setup{site: s.directive("forward 127.0.0.1:1 {\n wait 10s\n}")})
	g.logs.await(t, `"level":"warn"`, "gives up before", `"endpoint":"github"`)
	g.load(s.directive("forward 127.0.0.1:1 {\n wait 2s\n}"))
	if n := len(g.logs.lines("gives up before")); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

// TestHybridMany: under load each event reaches the upstream once, and each sender
// gets the answer to its own.
func TestHybridMany(t *testing.T) {
	up := newUpstream(t)
	up.answers(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("Webhook-Gateway-Event-Id"))
	})
	s := by("stripe")
	g := start(t, setup{site: s.directive(up.waiting("concurrency 8"))})
	const senders, each = 16, 25
	done := make(chan int)
	for i := range senders {
		go func() {
			own := 0
			for j := range each {
				id := fmt.Sprintf("evt_%d_%d", i, j)
				a, err := g.exchange(s.request(g, id, time.Now()))
				switch {
				case err != nil || a.status != 200 || a.body != "" && a.body != id:
					t.Errorf("%s: answered %v, %v", id, a, err)
				case a.body == id:
					own++
				}
			}
			done <- own
		}()
	}
	answered := 0
	for range senders {
		answered += <-done
	}
	if answered == 0 {
		t.Error("nobody got the upstream's answer")
	}
	g.settled()
	got := make(map[string]int)
	for len(up.got) > 0 {
		got[up.next().Header.Get("Webhook-Gateway-Event-Id")]++
	}
	if len(got) != senders*each {
		t.Errorf("%d events arrived of %d", len(got), senders*each)
	}
	for id, n := range got {
		if n != 1 {
			t.Errorf("%s arrived %d times", id, n)
		}
	}
}
