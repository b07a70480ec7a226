package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
)

// chat is a chat's incoming webhook.
type chat struct {
	*httptest.Server
	t    *testing.T
	said chan map[string]string
}

func newChat(t *testing.T) *chat {
	c := &chat{t: t, said: make(chan map[string]string, 100)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]string
		if b, err := io.ReadAll(r.Body); err != nil || json.Unmarshal(b, &m) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.said <- m
	}))
	t.Cleanup(c.Close)
	return c
}

// next waits for a message.
func (c *chat) next() map[string]string {
	c.t.Helper()
	select {
	case m := <-c.said:
		return m
	case <-time.After(patience):
		c.t.Fatal("nobody said anything")
		return nil
	}
}

func (c *chat) silent() {
	c.t.Helper()
	select {
	case m := <-c.said:
		c.t.Errorf("the chat was told %q", m)
	default:
	}
}

// told makes the events app tell the chat of some events.
func (c *chat) told(events, options string) string {
	var b strings.Builder
	for _, event := range strings.Fields(events) {
		fmt.Fprintf(&b, "\t\ton %s webhook_gateway_alert %s/T000/s3cret-of-the-chat {\n%s\n\t\t}\n", event, c.URL, options)
	}
	return "events {\n" + b.String() + "\t}"
}

// TestEvents: what goes wrong reaches a chat without a line of code, with enough
// to act on and without secrets.
func TestEvents(t *testing.T) {
	c := newChat(t)
	up := newUpstream(t)
	up.status(500)
	s := by("stripe")
	g := start(t, setup{
		globals: c.told("accepted rejected delivery_failed dead_letter circuit_open", ""),
		site: s.directive(`retry {
			attempts 2
			backoff 10ms
		}
		circuit {
			consecutive 2
		}
		forward {
			as billing
			reverse_proxy ` + up.addr + `
		}`),
	})
	r := s.request(g, "evt_bad", time.Now())
	r.Header.Set("Stripe-Signature", "t=1,v1=00")
	g.send(r)
	if got := c.next()["text"]; !strings.Contains(got, "rejected endpoint=stripe") || !strings.Contains(got, "reason=wrong_signature") {
		t.Errorf("of a forgery: %q", got)
	}
	g.expect(200, s.request(g, "evt_1", time.Now()))
	want := map[string]string{
		"delivery_failed": "attempt=1 endpoint=stripe error=HTTP status 500 event_id=evt_1",
		"dead_letter":     "attempt=2 endpoint=stripe error=HTTP status 500 event_id=evt_1",
		"circuit_open":    "endpoint=stripe error=",
	}
	for range len(want) {
		got := c.next()["text"]
		event, data, _ := strings.Cut(strings.TrimPrefix(got, "webhook_gateway: "), " ")
		if want[event] == "" || !strings.HasPrefix(data, want[event]) {
			t.Errorf("told %q", got)
		}
		delete(want, event)
	}
	c.silent() // an accepted event is told only where somebody asks for it
	if log := g.logs.String(); strings.Contains(log, "s3cret-of-the-chat") {
		t.Error("the log names the chat's URL")
	}
}

// TestEventsOnceInAWhile: a storm is a few messages, and a reload neither doubles
// nor ends them.
func TestEventsOnceInAWhile(t *testing.T) {
	c := newChat(t)
	up := newUpstream(t)
	s := by("stripe")
	site := s.directive("forward " + up.addr)
	g := start(t, setup{
		app:     "events accepted",
		globals: c.told("accepted", "\t\t\tfield content\n\t\t\ttext \"{event.data.event_id} came to {event.data.endpoint}\"\n\t\t\tevery 1h"),
		site:    site,
	})
	for i := range 5 {
		g.expect(200, s.request(g, fmt.Sprintf("evt_%d", i), time.Now()))
	}
	if got := c.next()["content"]; got != "evt_0 came to stripe" {
		t.Errorf("told %q", got)
	}
	g.load(site) // and with it a handler that has said nothing yet
	g.expect(200, s.request(g, "evt_again", time.Now()))
	if got := c.next()["content"]; got != "evt_again came to stripe" {
		t.Errorf("told %q", got)
	}
	c.silent()
}

// TestAlertsOutliveReload: alerts that are queued when the configuration ends are still
// posted, each once.
func TestAlertsOutliveReload(t *testing.T) {
	const alerts = 5
	begun, hold, said := make(chan struct{}, alerts), make(chan struct{}), make(chan string, 2*alerts)
	c := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		begun <- struct{}{}
		<-hold
		said <- string(b)
	}))
	t.Cleanup(c.Close)
	up := newUpstream(t)
	s := by("stripe")
	site := s.directive("forward " + up.addr)
	globals := "events {\n on accepted webhook_gateway_alert " + c.URL + " {\n every 1ns\n text {event.data.event_id}\n }\n }"
	g := start(t, setup{app: "events accepted", globals: globals, site: site})
	for i := range alerts {
		g.expect(200, s.request(g, fmt.Sprintf("evt_%d", i), time.Now()))
	}
	<-begun
	g.globals = "" // nobody takes the alerts over
	g.load(site)
	close(hold)
	for i := range alerts {
		select {
		case got := <-said:
			if want := fmt.Sprintf(`{"text":"evt_%d"}`, i); got != want {
				t.Errorf("alert %d: %s, want %s", i, got, want)
			}
		case <-time.After(patience):
			t.Fatalf("alert %d is lost", i)
		}
	}
	g.stop()
	if len(said) > 0 {
		t.Errorf("an alert was posted twice: %s", <-said)
	}
}

// TestTellersHandOver: of two tellers, the older one emits the events before the newer
// one began to listen, and the newer one all others.
func TestTellersHandOver(t *testing.T) {
	var h hub
	all := func(*adminapi.Event) bool { return true }
	older, newer := new(teller), new(teller)
	older.reads, older.stop = h.listen(all)
	h.tell("request", adminapi.Event{EventID: "before"})
	newer.reads, newer.stop = h.listen(all)
	h.tell("request", adminapi.Event{EventID: "after"})
	tellers.Lock()
	before := tellers.all
	tellers.all = []*teller{older, newer}
	tellers.Unlock()
	defer func() {
		tellers.Lock()
		tellers.all = before
		tellers.Unlock()
	}()
	for want, got := range map[string]bool{
		"the older one, before": older.speaks(<-older.reads.events),
		"the older one, after":  !older.speaks(<-older.reads.events),
		"the newer one, after":  newer.speaks(<-newer.reads.events),
	} {
		if !got {
			t.Errorf("%s: the other speaks", want)
		}
	}
}

// TestBacklogHigh: it is told once when four fifths of a limit are reached, of the
// whole and of an endpoint.
func TestBacklogHigh(t *testing.T) {
	c := newChat(t)
	up := newUpstream(t)
	hold := make(chan struct{})
	up.answers(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	})
	defer close(hold)
	s := by("stripe")
	g := start(t, setup{globals: c.told("backlog_high", ""), site: s.directive("max_backlog 2KiB\nforward " + up.addr)})
	// It is looked at once a second, so it takes events until then.
	full := false
	until(t, "the backlog to be called high", func() bool {
		if a := g.send(s.request(g, fmt.Sprintf("evt_%d", time.Now().UnixNano()), time.Now())); a.status == 503 {
			full = true
		}
		return len(c.said) > 0
	})
	if got := c.next()["text"]; !strings.Contains(got, "backlog_high bytes=") || !strings.Contains(got, "endpoint=stripe limit=2048") {
		t.Errorf("told %q", got)
	}
	if !full {
		t.Log("it was told before the limit was reached")
	}
}

// TestEventNames: an event that does not exist is an error that lists those that do.
func TestEventNames(t *testing.T) {
	_, err := adapt("{\n webhook_gateway {\n  events acepted\n }\n}\n:8080\nrespond 204\n")
	if err == nil || !strings.Contains(err.Error(), `did you mean accepted?`) {
		t.Errorf("the error is %v", err)
	}
}
