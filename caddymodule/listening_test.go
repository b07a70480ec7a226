package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// heard is the next message or gap of a stream of listen, held against the document.
func (s *stream) heard() (id string, m adminapi.Heard, gap adminapi.Gap) {
	s.t.Helper()
	name := ""
	for {
		switch line := s.line(); {
		case strings.HasPrefix(line, "id: "):
			id = strings.TrimPrefix(line, "id: ")
		case strings.HasPrefix(line, "event: "):
			name = strings.TrimPrefix(line, "event: ")
		case strings.HasPrefix(line, "data: "):
			data := []byte(strings.TrimPrefix(line, "data: "))
			schema, into := "Heard", any(&m)
			if name == "gap" {
				schema, into = "Gap", &gap
			}
			var v any
			if err := errors.Join(json.Unmarshal(data, &v), json.Unmarshal(data, into)); err != nil {
				s.t.Fatal(err)
			}
			if err := s.check(object{"$ref": "#/components/schemas/" + schema}, v, "event"); err != nil {
				s.t.Error(err)
			}
			return id, m, gap
		case line == "EOF":
			s.t.Fatal("the stream is over")
		}
	}
}

// hear listens to an event and its end by a reload.
func (c *apiTester) hear(g *gateway, s sender) {
	c.t.Helper()
	if about := get[adminapi.ListenAbout](c, "GET", "/listen/about", nil); about.Redacted || len(about.Endpoints) != 1 || about.Endpoints[0] != (adminapi.ListenEndpoint{Name: "github", Provider: "github"}) {
		c.t.Errorf("about: %+v", about)
	}
	live := c.stream("/listen", "?endpoint=github")
	r := s.request(g, "evt_heard", time.Now())
	signature := r.Header.Get("X-Hub-Signature-256")
	r.Header.Set("X-Customer", "Ada")
	g.expect(200, r)
	id, m, _ := live.heard()
	if m.Message.EventID != "evt_heard" || id != m.Message.ID.String() || m.Message.Endpoint != "github" || m.Message.Provider != "github" {
		c.t.Errorf("%s %+v", id, m.Message)
	}
	if h := m.Request.Header; h["X-Hub-Signature-256"][0] != signature || h["X-Customer"][0] != redacted || !m.Redacted {
		c.t.Errorf("headers: %v", h)
	}
	if again := get[adminapi.Heard](c, "GET", "/messages/"+id+"/raw", nil); string(again.Request.Body) != string(m.Request.Body) || again.Message != m.Message || !again.Redacted {
		c.t.Errorf("raw: %+v", again)
	}
	g.load(g.site)
	for line := live.line(); line != "EOF"; line = live.line() {
	}
	until(c.t, "the listener to be gone", func() bool { return listeningNow.taken.Load() == 0 })
}

// TestListen: a listener begins where it says, gets each event once and byte for byte, and
// what came while it was away.
func TestListen(t *testing.T) {
	up := newUpstream(t)
	s, other := by("stripe"), by("generic")
	site := s.directive("forward "+up.addr+" {\n as main\n}\n forward "+up.addr+" {\n as copy\n}") + other.directive("forward "+up.addr)
	g, c := startAdmin(t, setup{site: site})
	send := func(names ...string) {
		for _, name := range names {
			g.expect(200, s.request(g, name, time.Now()))
		}
	}
	next := func(l *stream, names ...string) (last string) {
		t.Helper()
		for _, name := range names {
			id, m, _ := l.heard()
			if m.Message.EventID != name {
				t.Fatalf("%s instead of %s", m.Message.EventID, name)
			}
			last = id
		}
		return last
	}
	send("evt_1", "evt_2", "evt_3")
	time.Sleep(2 * time.Millisecond) // a live listener begins with the millisecond in which it comes
	live := c.stream("/listen", "?endpoint=stripe")
	r := s.request(g, "evt_4", time.Now())
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	g.expect(200, r)
	id, m, _ := live.heard()
	if string(m.Request.Body) != string(body) || m.Redacted || m.Request.Method != "POST" || m.Request.URI != "/stripe" || m.Request.Host != g.addr {
		t.Errorf("%s %+v", body, m.Request)
	}
	g.expect(200, other.request(g, "evt_other", time.Now())) // of another endpoint
	send("evt_5")
	next(live, "evt_5")
	live.cancel()

	// While nobody listens, events arrive.
	send("evt_6", "evt_7")
	later := c.stream("/listen", "?endpoint=stripe&after="+id)
	next(later, "evt_5", "evt_6", "evt_7")
	send("evt_8")
	next(later, "evt_8")
	next(c.stream("/listen", "?endpoint=stripe&since=1h"), "evt_1", "evt_2", "evt_3", "evt_4", "evt_5", "evt_6", "evt_7", "evt_8")
	two := c.stream("/listen", "?last=2&endpoint=stripe,generic")
	next(two, "evt_7", "evt_8")
	g.expect(200, other.request(g, "evt_more", time.Now()))
	next(two, "evt_more")
	next(c.stream("/listen", "?last=1"), "evt_more")
	next(c.stream("/listen", "?since=1h&type="+m.Message.EventType+"*"), "evt_1")

	next(c.stream("/listen", "?since=1h&when="+url.QueryEscape(`{json.id} in ["evt_3", "evt_7"] && {http.webhook_gateway.endpoint} == "stripe"`)), "evt_3", "evt_7")
	live = c.stream("/listen", "?when="+url.QueryEscape(`{json.id} == "evt_10"`))
	send("evt_9", "evt_10")
	next(live, "evt_10")
	c.refused(400, "GET", "/listen?when=(((", nil, "when: ")

	// A gap beyond the retention is said.
	old := c.stream("/listen", "?endpoint=stripe&after="+queue.NewID(time.Now().Add(-48*time.Hour)).String())
	if _, _, gap := old.heard(); gap.Until.IsZero() || !strings.Contains(gap.Why, "24h") {
		t.Errorf("gap: %+v", gap)
	}
	next(old, "evt_1")

	c.refused(400, "GET", "/listen?after=17", nil, "no message's ID")
	c.refused(400, "GET", "/listen?last=0", nil, "1 to 1000")
	c.refused(400, "GET", "/listen?last=1&since=1h", nil, "exclude")
	c.refused(404, "GET", "/listen?endpoint=strip", nil, "did you mean stripe?")
}

// TestListenEndpoints: an endpoint that keeps nothing cannot be listened to.
func TestListenEndpoints(t *testing.T) {
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("") + "respond /stripe 200"})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	c.refused(422, "GET", "/listen?endpoint=stripe", nil, "keeps no events", "forward")
	c.refused(422, "GET", "/listen", nil, "no endpoint keeps events")
}

// TestListenMost: so many listeners are let in, and another one when one has gone. Requests
// that are refused take no place. All of them get a large event, at the rate of a listener.
func TestListenMost(t *testing.T) {
	for line, most := range map[string]int{"": 16, "max_listeners 2": 2} {
		t.Run(line, func(t *testing.T) {
			s := by("stripe")
			g, c := startAdmin(t, setup{app: line, site: s.directive("keep")})
			var streams []*stream
			for range most {
				streams = append(streams, c.stream("/listen", ""))
			}
			c.refused(503, "GET", "/listen", nil, fmt.Sprint(most), "max_listeners")
			c.refused(404, "GET", "/listen?endpoint=strip", nil, "did you mean stripe?")
			streams[0].cancel()
			until(t, "the listener to be gone", func() bool { return listeningNow.taken.Load() == int64(most-1) })
			streams[0] = c.stream("/listen", "")
			c.refused(503, "GET", "/listen", nil, fmt.Sprint(most))
			if most > 2 {
				return
			}
			began := time.Now()
			body := s.body("evt_large", time.Now())
			g.expect(200, s.with(g, body+strings.Repeat(" ", 8<<20), time.Now(), "evt_large"))
			for _, l := range streams {
				if _, m, _ := l.heard(); len(m.Request.Body) != len(body)+8<<20 {
					t.Errorf("%d bytes", len(m.Request.Body))
				}
			}
			const least = time.Second * (8<<20*4/3 - listenBurst) / listenRate
			if took := time.Since(began); took < least {
				t.Errorf("it took %v, which is faster than %v", took, least)
			}
		})
	}
}

// TestListenMany: events that arrive at once come each once, though the outcomes overflow
// and the walks find them as well.
func TestListenMany(t *testing.T) {
	was := listenPoll.Swap(int64(20 * time.Millisecond))
	defer listenPoll.Store(was) // a listener may still be about to read it
	up := newUpstream(t)
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("forward " + up.addr)})
	live := c.stream("/listen", "")
	const n, at = 600, 8
	errs := make(chan error, at)
	for w := range at {
		go func() {
			for i := range n / at {
				a, err := g.exchange(s.request(g, fmt.Sprintf("evt_%d_%d", w, i), time.Now()))
				if err == nil && a.status != http.StatusOK {
					err = fmt.Errorf("status %d", a.status)
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	times := make(map[string]int)
	for range n {
		_, m, _ := live.heard()
		times[m.Message.EventID]++
	}
	for range at {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if len(times) != n {
		t.Errorf("%d of %d events", len(times), n)
	}
}

// TestLateness: a message that became visible behind one that was handed out is found
// again from that one on.
func TestLateness(t *testing.T) {
	now := time.Now()
	ids := make([]queue.ID, 5)
	for i := range ids {
		ids[i] = queue.NewID(now.Add(time.Duration(i) * time.Millisecond))
	}
	all := func(string, string) bool { return true }
	var h lateness
	h.accepted(ids[0].String(), "a", "") // nobody has listened
	h.note(ids[2].String())
	h.accepted(ids[1].String(), "a", "")
	h.accepted(ids[4].String(), "a", "")
	if got := h.since(ids[2].String(), all); !slices.Equal(got, ids[1:2]) {
		t.Errorf("%v instead of %v", got, ids[1:2])
	}
	if got := h.since(ids[3].String(), all); len(got) > 0 {
		t.Errorf("%v was visible before", got)
	}
	for range 2 * maxLate {
		h.accepted(ids[0].String(), "a", "")
	}
	if len(h.late) > maxLate {
		t.Errorf("%d are kept", len(h.late))
	}
	if from := idAt(receiptOf(ids[3])); idBefore(ids[3], from) || !idBefore(ids[2], from) || !idBefore(ids[3], idBehind(ids[3])) {
		t.Errorf("%v and %v", ids[3], from)
	}
}

// TestListenCursors: a cursor that is no message's, or lies in the future, neither repeats
// the whole store nor keeps new events away.
func TestListenCursors(t *testing.T) {
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("keep")})
	g.expect(200, s.request(g, "evt_old", time.Now()))
	time.Sleep(2 * time.Millisecond) // a cursor in the future stands for this millisecond
	for i, cursor := range []string{"ffffffff-ffff-ffff-ffff-ffffffffffff", "fffffffe-0000-7000-8000-000000000000", queue.NewID(time.Now().Add(time.Hour)).String()} {
		live := c.stream("/listen", "?after="+cursor)
		name := fmt.Sprint("evt_", i)
		g.expect(200, s.request(g, name, time.Now()))
		if _, m, _ := live.heard(); m.Message.EventID != name {
			t.Errorf("after %s: %s instead of %s", cursor, m.Message.EventID, name)
		}
		live.cancel()
		time.Sleep(2 * time.Millisecond)
	}
	for _, cursor := range []string{"x", "-1", "0", strings.Repeat("f", 32), strings.Repeat("9", 4000), "%00", "{ffffffff-ffff-ffff-ffff-ffffffffffff}"} {
		c.refused(400, "GET", "/listen?after="+url.QueryEscape(cursor), nil, "no message's ID")
	}
	until(t, "the listeners to be gone", func() bool { return listeningNow.taken.Load() == 0 })
}

// TestListenForgets: the memory of a listener does not grow with the messages that it has
// got, though outcomes always wait.
func TestListenForgets(t *testing.T) {
	l := &listening{sent: make(map[queue.ID]struct{}), endpoints: []string{"a"}}
	var h hub
	news, stop := h.listen(l.wants)
	defer stop()
	at := time.Now()
	most, got := 0, 0
	for range 20 {
		for range listenerBuffer {
			at = at.Add(10 * time.Millisecond)
			h.tell("request", adminapi.Event{Outcome: "accepted", Endpoint: "a", MessageID: queue.NewID(at).String()})
		}
		ids := l.announced(<-news.events, news)
		for _, id := range ids {
			l.handed(id)
		}
		got += len(ids)
		l.forget()
		most = max(most, len(l.sent))
	}
	if got != 20*listenerBuffer || most > 3*sentKept {
		t.Errorf("%d of %d messages, and %d are remembered", got, 20*listenerBuffer, most)
	}
}

// TestKeep: an endpoint with keep answers by itself and keeps the event, which a listener
// gets.
func TestKeep(t *testing.T) {
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("keep\n retry {\n age 1h\n}") + "respond /stripe 500"})
	unrouted := get[adminapi.Endpoint](c, "GET", "/endpoints/stripe", nil).Unrouted // of the whole process
	live := c.stream("/listen", "")
	g.expect(200, s.request(g, "evt_1", time.Now()))
	g.expect(200, s.request(g, "evt_1", time.Now())) // a duplicate
	g.expect(200, s.request(g, "evt_2", time.Now()))
	for _, want := range []string{"evt_1", "evt_2"} {
		if _, m, _ := live.heard(); m.Message.EventID != want {
			t.Errorf("%s instead of %s", m.Message.EventID, want)
		}
	}
	e := get[adminapi.Endpoint](c, "GET", "/endpoints/stripe", nil)
	if e.Kind != "keep" || e.Unrouted != unrouted || e.Waiting != 0 || e.Retention == nil {
		t.Errorf("%+v", e)
	}
	kept := get[adminapi.Messages](c, "GET", "/messages?state=unrouted", nil)
	if len(kept.Messages) != 2 {
		t.Errorf("%d messages are kept", len(kept.Messages))
	}
	if lines := g.logs.String(); !strings.Contains(lines, "keeps its events and delivers none") || !strings.Contains(lines, "retry") {
		t.Errorf("no warning of the idle line in %s", lines)
	}
}
