package caddymodule

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// outcomes publishes the outcomes of requests and attempts to the readers of the live
// stream. Like the metrics it outlives configurations.
var outcomes hub

// hub sends events to readers. It never waits for a reader: a slow one misses events,
// and gets their number. Without a reader an event costs one atomic read.
//
// A reader that was cut off, such as by a reload, can resume: for that the hub keeps the
// latest events while such a reader listens and for resumable afterwards.
type hub struct {
	count   atomic.Int64 // readers, and one more while events are kept
	mu      sync.Mutex
	readers map[*listener]struct{}
	told    int64    // events so far while anybody listened
	last    sync.Map // endpoint or destination to *lately

	keeping int         // readers that can resume
	recent  []liveEvent // the latest events; nil: none are kept
	epoch   int64       // names the time since which all events were kept
	expires *time.Timer // ends the keeping; nil: a reader that can resume listens, or none are kept
}

// keptEvents is how many of the latest events are kept for readers that resume.
const keptEvents = 1024

// resumable is how long events are kept after the last reader that can resume has gone.
const resumable = 5 * time.Minute

// lately has the last success and failure and the last hour: of requests for an endpoint,
// of attempts for a destination. A forward without a name has the endpoint's name.
type lately struct {
	requests, attempts           moments
	recentRequest, recentAttempt recent
}

type moments struct {
	good, bad atomic.Int64 // nanoseconds since 1970; 0: never
	err       atomic.Pointer[string]
}

// listener is one reader of the stream.
type listener struct {
	events chan liveEvent
	wants  func(*adminapi.Event) bool
	first  int64 // number of the first event that it can get
	epoch  int64 // of a reader that can resume; see hub
	lost   atomic.Int64
}

// liveEvent is an event and its name in the stream: request, attempt or circuit.
type liveEvent struct {
	name   string
	number int64 // events are numbered as they are told
	adminapi.Event
}

// listenerBuffer is how many events a reader may lag behind. Those that are kept for a
// reader that resumes have to fit.
const listenerBuffer = keptEvents

// wanted reports whether events have to be told.
func (h *hub) wanted() bool { return h.count.Load() > 0 }

func (h *hub) listeners() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.readers)
}

// listen adds a reader of the events that wants selects. Stop removes it.
func (h *hub) listen(wants func(*adminapi.Event) bool) (l *listener, stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l = h.addLocked(wants)
	return l, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.removeLocked(l)
	}
}

func (h *hub) removeLocked(l *listener) {
	delete(h.readers, l)
	h.count.Add(-1)
}

func (h *hub) addLocked(wants func(*adminapi.Event) bool) *listener {
	l := &listener{events: make(chan liveEvent, listenerBuffer), wants: wants, first: h.told}
	if h.readers == nil {
		h.readers = make(map[*listener]struct{})
	}
	h.readers[l] = struct{}{}
	h.count.Add(1)
	return l
}

// resume is listen for a reader that goes on behind the event with the ID after, if that
// is not empty. The gap says that events in between may be missing.
func (h *hub) resume(after string, wants func(*adminapi.Event) bool) (l *listener, gap *adminapi.Gap, stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.recent == nil {
		h.recent, h.epoch = make([]liveEvent, 0, keptEvents), time.Now().UnixNano()
		h.count.Add(1)
	}
	if h.expires != nil {
		h.expires.Stop()
		h.expires = nil
	}
	h.keeping++
	l = h.addLocked(wants)
	l.epoch = h.epoch
	if after != "" {
		gap = h.catchUpLocked(l, after)
	}
	return l, gap, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.removeLocked(l)
		if h.keeping--; h.keeping == 0 {
			h.expireLocked()
		}
	}
}

// expireLocked keeps the events for readers that have gone, for a while. There is one
// timer, however often readers come and go.
func (h *hub) expireLocked() {
	var timer *time.Timer
	timer = time.AfterFunc(resumable, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.expires == timer { // no reader has come
			h.expires, h.recent = nil, nil
			h.count.Add(-1)
		}
	})
	h.expires = timer
}

// catchUpLocked gives a new reader the kept events behind the one with an ID.
func (h *hub) catchUpLocked(l *listener, after string) *adminapi.Gap {
	gap := &adminapi.Gap{Until: time.Now().UTC(), Why: "the gateway was started anew, or nobody has followed its events for " + span(resumable)}
	epoch, number, known := parseEventID(after)
	known = known && epoch == h.epoch && number < h.told
	if !known {
		number = -1
	}
	for _, e := range h.recent {
		if e.number > number && l.wants(&e.Event) {
			l.events <- e
		}
	}
	if !known && len(h.recent) > 0 {
		gap.Until = h.recent[0].At
	}
	if known {
		if gap = nil; len(h.recent) > 0 && h.recent[0].number > number+1 {
			gap = &adminapi.Gap{Until: h.recent[0].At, Why: fmt.Sprintf("only the latest %d events are kept for a reader that resumes", keptEvents)}
		}
	}
	return gap
}

// id returns the ID of an event in the stream of a reader.
func (l *listener) id(e *liveEvent) string { return fmt.Sprintf("%x-%d", l.epoch, e.number) }

func parseEventID(id string) (epoch, number int64, ok bool) {
	a, b, _ := strings.Cut(id, "-")
	epoch, err := strconv.ParseInt(a, 16, 64)
	if err == nil {
		number, err = strconv.ParseInt(b, 10, 64)
	}
	return epoch, number, err == nil && number >= 0
}

// tell sends an event to the readers. The caller checks first whether there are any, to
// make no event in vain.
func (h *hub) tell(name string, event adminapi.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := liveEvent{name, h.told, event}
	h.told++
	if h.recent != nil {
		if len(h.recent) == keptEvents {
			h.recent = append(h.recent[:0], h.recent[keptEvents/4:]...)
		}
		h.recent = append(h.recent, e)
	}
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

// lastRequests returns when an endpoint last accepted and last refused a request.
func (h *hub) lastRequests(endpoint string) (accepted, refused time.Time) {
	accepted, refused, _ = h.of(endpoint).requests.read()
	return accepted, refused
}

// lastAttempts returns when attempts last succeeded and failed.
func (h *hub) lastAttempts(destination queue.Destination) (success, failure time.Time, err string) {
	return h.of(destination.String()).attempts.read()
}
