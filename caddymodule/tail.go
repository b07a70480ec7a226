package caddymodule

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
)

// outcomes is where the process tells what becomes of requests and deliveries,
// for those who listen to the live stream. Like the metrics it outlives
// configurations.
var outcomes hub

// hub hands events to readers. It never waits for one: who is too slow misses
// events and is told how many. While nobody listens it costs a look at a number.
type hub struct {
	count   atomic.Int64
	mu      sync.Mutex
	readers map[*listener]struct{}
	last    sync.Map // endpoint or destination to *lately
}

// lately is when something last went well, and badly. They are of one kind for
// endpoints, whose names have no slash, and another for destinations.
type lately struct{ requests, attempts moments }

type moments struct {
	good, bad atomic.Int64 // nanoseconds since 1970; 0: never
	err       atomic.Pointer[string]
}

// listener is one reader of the stream.
type listener struct {
	events chan liveEvent
	wants  func(*adminapi.Event) bool
	lost   atomic.Int64
}

// liveEvent is an event and its name in the stream: request, attempt or circuit.
type liveEvent struct {
	name string
	adminapi.Event
}

// listenerBuffer is how many events a reader may lag behind.
const listenerBuffer = 1024

func (h *hub) listeners() int { return int(h.count.Load()) }

// listen adds a reader of the events that wants picks. Stop ends it.
func (h *hub) listen(wants func(*adminapi.Event) bool) (l *listener, stop func()) {
	l = &listener{events: make(chan liveEvent, listenerBuffer), wants: wants}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers == nil {
		h.readers = make(map[*listener]struct{})
	}
	h.readers[l] = struct{}{}
	h.count.Add(1)
	return l, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.readers, l)
		h.count.Add(-1)
	}
}

// tell hands an event to the readers. Who tells asks first whether there are any.
func (h *hub) tell(name string, event adminapi.Event) {
	e := liveEvent{name, event}
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.readers {
		if !l.wants(&e.Event) {
			continue
		}
		select {
		case l.events <- e:
		default:
			l.lost.Add(1)
		}
	}
}

func (h *hub) of(name string) *lately {
	if v, ok := h.last.Load(name); ok {
		return v.(*lately)
	}
	v, _ := h.last.LoadOrStore(name, new(lately))
	return v.(*lately)
}

func (m *moments) note(good bool, at time.Time, err string) {
	if good {
		m.good.Store(at.UnixNano())
		return
	}
	m.bad.Store(at.UnixNano())
	text := err
	m.err.Store(&text)
}

func (m *moments) read() (good, bad time.Time, err string) {
	if p := m.err.Load(); p != nil {
		err = *p
	}
	return sinceEpoch(m.good.Load()), sinceEpoch(m.bad.Load()), err
}

func sinceEpoch(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// lastRequests tells when an endpoint last accepted an event and refused one.
func (h *hub) lastRequests(endpoint string) (accepted, refused time.Time) {
	accepted, refused, _ = h.of(endpoint).requests.read()
	return accepted, refused
}

// lastAttempts tells when attempts last succeeded and failed.
func (h *hub) lastAttempts(destination string) (success, failure time.Time, err string) {
	return h.of(destination).attempts.read()
}
