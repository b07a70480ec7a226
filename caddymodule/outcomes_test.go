package caddymodule

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
)

// TestTailLoses: a reader that is too slow holds nobody up, and is told how many
// events it has missed.
func TestTailLoses(t *testing.T) {
	var h hub
	l, stop := h.listen(func(e *adminapi.Event) bool { return e.Endpoint == "a" })
	defer stop()
	const more = 10
	for i := range listenerBuffer + more {
		h.tell("request", adminapi.Event{Endpoint: "a", EventID: fmt.Sprint(i)})
		h.tell("request", adminapi.Event{Endpoint: "b"})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, end := newEventStream(w, r.Context(), t.Context())
		defer end()
		s.run(l, func(*liveEvent) {})
	}))
	defer server.Close()
	a, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	events, lost := 0, ""
	for lines := bufio.NewScanner(a.Body); events < listenerBuffer && lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "event: request"):
			events++
		case strings.Contains(line, `"lost"`):
			lost = line
		}
	}
	if events != listenerBuffer || lost != fmt.Sprintf(`data: {"lost":%d}`, more) {
		t.Errorf("%d events of %d, and %q", events, listenerBuffer, lost)
	}
}

// TestTailKeepsAlive: a silent stream shows that it lives.
func TestTailKeepsAlive(t *testing.T) {
	was := keepAlive
	keepAlive = time.Millisecond
	var h hub
	l, stop := h.listen(func(*adminapi.Event) bool { return true })
	defer stop()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		s, end := newEventStream(w, r.Context(), t.Context())
		defer end()
		s.run(l, nil)
	}))
	defer server.Close()
	a, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for lines, n := bufio.NewScanner(a.Body), 0; n < 3 && lines.Scan(); {
		if lines.Text() == ": still here" {
			n++
		}
	}
	a.Body.Close()
	<-ended
	keepAlive = was
}

// BenchmarkTell: an event that nobody listens for costs next to nothing.
func BenchmarkTell(b *testing.B) {
	f := &facts{endpoint: "bench", receivedAt: time.Now(), last: new(lately)}
	b.ReportAllocs()
	for b.Loop() {
		f.tell("accepted")
	}
}

// resumed reads the events that a reader has got so far.
func resumed(l *listener) (ids []string) {
	for len(l.events) > 0 {
		e := <-l.events
		ids = append(ids, e.EventID)
	}
	return ids
}

// TestHubResumes: a reader that was away gets each event that it has missed once, or the
// gap is said. Events are kept for no longer than somebody may resume.
func TestHubResumes(t *testing.T) { synctest.Test(t, testHubResumes) }

func testHubResumes(t *testing.T) {
	var h hub
	all := func(*adminapi.Event) bool { return true }
	tell := func(from, to int) {
		for i := from; i < to; i++ {
			h.tell("request", adminapi.Event{Endpoint: fmt.Sprint(i % 2), EventID: fmt.Sprint(i)})
		}
	}
	h.tell("request", adminapi.Event{EventID: "before anybody listens"})
	first, gap, stop := h.resume("", all)
	tell(0, 3)
	if got := resumed(first); gap != nil || !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("live: %v, %+v", got, gap)
	}
	id := first.id(&h.recent[2])
	stop()
	tell(3, 7)
	if !h.wanted() || h.listeners() != 0 {
		t.Errorf("away: wanted %v, %d listen", h.wanted(), h.listeners())
	}
	l, gap, stop := h.resume(id, func(e *adminapi.Event) bool { return e.Endpoint == "1" })
	if got := resumed(l); gap != nil || !slices.Equal(got, []string{"3", "5"}) {
		t.Errorf("resumed: %v, %+v", got, gap)
	}
	tell(7, 8)
	if got := resumed(l); !slices.Equal(got, []string{"7"}) {
		t.Errorf("resumed and live: %v", got)
	}
	stop()

	tell(8, 8+keptEvents)
	l, gap, stop = h.resume(id, all)
	if got := resumed(l); gap == nil || !strings.Contains(gap.Why, "1024") || len(got) < keptEvents/2 || got[len(got)-1] != fmt.Sprint(7+keptEvents) {
		t.Errorf("away for too many: %d events, %+v", len(got), gap)
	}
	stop()
	for _, unknown := range []string{"x", "-", "1-1", id + "0000", strings.Repeat("9", 1000), id[:len(id)-1] + "-1"} {
		l, gap, stop = h.resume(unknown, all)
		if got := resumed(l); gap == nil || len(got) == 0 {
			t.Errorf("%q: %d events, %+v", unknown, len(got), gap)
		}
		stop()
	}

	for range 1000 { // a reader in a tight loop
		_, _, stop = h.resume(id, all)
		stop()
	}
	if n := h.count.Load(); n != 1 {
		t.Errorf("%d are counted for the readers that have gone", n)
	}
	time.Sleep(resumable - time.Second)
	_, _, stop = h.resume("", all)
	stop()
	time.Sleep(resumable - time.Second)
	if !h.wanted() {
		t.Error("the last reader could not resume")
	}
	time.Sleep(time.Second)
	synctest.Wait()
	if h.wanted() || h.recent != nil || h.keeping != 0 {
		t.Errorf("kept for nobody: %d events, %d", len(h.recent), h.keeping)
	}
	l, gap, stop = h.resume(id, all)
	defer stop()
	if got := resumed(l); gap == nil || len(got) > 0 {
		t.Errorf("after all have gone: %v, %+v", got, gap)
	}
}

// TestTailResumes: a reader that a reload cuts off misses nothing and gets nothing twice,
// from the admin endpoint and from the inspector.
func TestTailResumes(t *testing.T) {
	s := by("github")
	site := s.directive("forward "+newUpstream(t).addr) + "webhook_gateway_inspector /hooks/* {\nby off\n}\n"
	g, c := startAdmin(t, setup{site: site})
	id := ""
	next := func(line func() string) (event string) {
		t.Helper()
		for {
			switch text := line(); {
			case strings.HasPrefix(text, "id: "):
				id = strings.TrimPrefix(text, "id: ")
			case strings.HasPrefix(text, "data: "):
				var e struct {
					adminapi.Event
					Why string `json:"why"`
				}
				if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "data: ")), &e); err != nil {
					t.Fatal(err)
				}
				return e.EventID + e.Why
			case text == "EOF":
				t.Fatal("the stream is over")
			}
		}
	}
	const only = "?outcome=accepted"
	live := c.stream("/tail", only)
	g.expect(200, s.request(g, "evt_1", time.Now()))
	if got := next(live.line); got != "evt_1" {
		t.Fatal(got)
	}
	g.load(site)
	for line := live.line(); line != "EOF"; line = live.line() {
	}
	g.expect(200, s.request(g, "evt_2", time.Now()))
	g.expect(200, s.request(g, "evt_3", time.Now()))
	behind := id
	live = c.stream("/tail", only+"&after="+behind)
	for _, want := range []string{"evt_2", "evt_3"} {
		if got := next(live.line); got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
	g.expect(200, s.request(g, "evt_4", time.Now()))
	if got := next(live.line); got != "evt_4" {
		t.Error(got)
	}

	r, err := http.NewRequest("GET", "http://"+g.addr+"/hooks/api/tail"+only, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", behind)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"evt_2", "evt_3", "evt_4"} {
		if got := next(func() string {
			if !lines.Scan() {
				return "EOF"
			}
			return lines.Text()
		}); got != want {
			t.Errorf("inspector: %s instead of %s", got, want)
		}
	}
	if got := next(c.stream("/tail", only+"&after=1-1").line); !strings.Contains(got, "started anew") {
		t.Error(got)
	}
}

// TestTailTellsRefused: an event of a refused request says more, and no secret.
func TestTailTellsRefused(t *testing.T) {
	s := by("github")
	g, c := startAdmin(t, setup{site: s.directive("forward " + newUpstream(t).addr)})
	live := c.stream("/tail", "?outcome=refused")
	r := post("/github?token=abc&plain="+s.secret+"&x=1", "{}", "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
	g.expect(401, r)
	_, e := live.next()
	if e.Detail == "" || e.Method != "POST" || e.URI != "/github?token="+redacted+"&plain="+redacted+"&x=1" || e.Size == nil || *e.Size != 2 {
		t.Errorf("%+v", e)
	}
	g.expect(401, post("/github?x="+strings.Repeat("y", maxToldURI), "{}", "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)))
	if _, e := live.next(); e.URI != "" || e.Method != "POST" {
		t.Errorf("a long URI: %+v", e)
	}
}
