package caddymodule

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
		s := eventStream{w: w, control: http.NewResponseController(w), red: func(string) *redactor { return newRedactor(nil) }}
		s.run(r.Context(), t.Context(), l)
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
		s := eventStream{w: w, control: http.NewResponseController(w)}
		s.run(r.Context(), t.Context(), l)
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
	f := &facts{endpoint: "bench", receivedAt: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		f.tell("accepted")
	}
}
