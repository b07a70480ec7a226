package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// listening reads the messages for one listener. The store is the source, and the live
// outcomes only say that there is something new. A slow or absent listener therefore
// loses nothing that the store still has.
//
// Messages are sorted by their receipt, but a message is visible only after its commit.
// A message with a slow body appears behind newer ones. So each walk begins 30 seconds
// before the newest message that was handed out, and sent remembers those in that time.
type listening struct {
	api       *adminAPI
	filter    queue.Filter
	endpoints []string
	when      *Forward // whose expression selects; nil: none does

	first    queue.ID              // a walk hands out nothing before it
	high     queue.ID              // the greatest that was handed out
	sent     map[queue.ID]struct{} // those handed out that a walk or an outcome can name again
	forgetAt int                   // how many of them there are when the old ones are dropped; 0: sentKept
	count    int                   // messages that were handed out
}

const (
	lookBack    = 30 * time.Second
	listenPage  = 200     // messages of one walk
	listenBatch = 4 << 20 // bytes of messages in memory before they are written
	maxLast     = 1000    // messages before the live ones, by `last`
	sentKept    = 4096    // from then on, those before the look-back are dropped

	listenRate  = 10 << 20 // bytes a second for a listener
	listenBurst = 1 << 20  // bytes at once
)

// listenPoll is how often a listener looks into the store by itself. Outcomes do not name
// events of an observing endpoint, nor those whose sender hung up during the commit. It is
// a variable for the tests.
var listenPoll atomic.Int64

func init() { listenPoll.Store(int64(5 * time.Second)) }

// idAt returns the least ID of messages received in that millisecond.
func idAt(t time.Time) (id queue.ID) {
	milli := uint64(max(t.UnixMilli(), 0))
	for i := range 6 {
		id[i] = byte(milli >> (40 - 8*i))
	}
	return id
}

// receiptOf is the time in an ID.
func receiptOf(id queue.ID) time.Time {
	var milli int64
	for _, b := range id[:6] {
		milli = milli<<8 | int64(b)
	}
	return time.UnixMilli(milli)
}

func idBefore(a, b queue.ID) bool { return bytes.Compare(a[:], b[:]) < 0 }

// idBehind returns the next ID.
func idBehind(id queue.ID) queue.ID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			break
		}
	}
	return id
}

// wants reports whether the listener wants an outcome.
func (l *listening) wants(e *adminapi.Event) bool {
	return e.Outcome == "accepted" && l.picks(e.Endpoint, e.EventType)
}

// picks reports whether the listener may have, and wants, events of an endpoint and a type.
func (l *listening) picks(endpoint, eventType string) bool {
	return l.of(endpoint) && (l.filter.EventType == "" || queue.Match(l.filter.EventType, eventType))
}

func (l *listening) of(endpoint string) bool { return slices.Contains(l.endpoints, endpoint) }

// new reports whether a message has not been handed out.
func (l *listening) new(id queue.ID) bool {
	_, known := l.sent[id]
	return !known
}

// handed notes that a message was handed out, or passed over.
func (l *listening) handed(id queue.ID) {
	l.sent[id] = struct{}{}
	if idBefore(l.high, id) {
		l.high = id
	}
	handedOut.note(id.String())
}

// announced returns the messages that an outcome, and those that wait behind it, name and
// that are new.
func (l *listening) announced(e liveEvent, news *listener) (ids []queue.ID) {
	for {
		if id, err := parseID(e.MessageID); err == nil && l.new(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		select {
		case e = <-news.events:
		default:
			return ids
		}
	}
}

// forget drops the messages that no walk visits again. The caller has handed out those of
// all outcomes that came before.
func (l *listening) forget() {
	if len(l.sent) < max(sentKept, l.forgetAt) {
		return
	}
	from := idAt(receiptOf(l.high).Add(-lookBack))
	for id := range l.sent {
		if idBefore(id, from) {
			delete(l.sent, id)
		}
	}
	l.forgetAt = 2 * len(l.sent) // on a busy gateway, not for each message
}

// from is where a walk begins.
func (l *listening) from() queue.ID {
	if l.high == (queue.ID{}) {
		return l.first
	}
	if back := idAt(receiptOf(l.high).Add(-lookBack)); idBefore(l.first, back) {
		return back
	}
	return l.first
}

// page walks on and returns the messages that are new.
func (l *listening) page(ctx context.Context, from queue.ID, after queue.Cursor) (ids []queue.ID, next queue.Cursor, err error) {
	o, err := l.api.open()
	if err != nil {
		return nil, "", err
	}
	defer o.release()
	f := l.filter
	f.Since = receiptOf(from)
	page, err := o.store.Walk(ctx, f, after, listenPage)
	for _, e := range page.Entries {
		known := len(ids) > 0 && ids[len(ids)-1] == e.ID // another delivery of it
		if !known && !idBefore(e.ID, l.first) && l.of(e.Endpoint) && l.new(e.ID) {
			ids = append(ids, e.ID)
		}
	}
	return ids, page.Next, err
}

// newest returns the last n messages, the oldest first.
func (l *listening) newest(ctx context.Context, n int) (ids []queue.ID, err error) {
	o, err := l.api.open()
	if err != nil {
		return nil, err
	}
	defer o.release()
	var after queue.Cursor
	for len(ids) < n {
		page, err := o.store.Messages(ctx, l.filter, after, n)
		if err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			if l.of(m.Endpoint) && len(ids) < n {
				ids = append(ids, m.ID)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	slices.Reverse(ids)
	return ids, nil
}

// selects reports whether the expression selects a message. If it fails, the message is
// selected, as for a forward.
func (l *listening) selects(ctx context.Context, o *opened, m *queue.Message) bool {
	if l.when == nil {
		return true
	}
	h := o.app.endpoints[m.Endpoint]
	if h == nil {
		return false // its placeholders need the configuration
	}
	about := factsOf(&queue.Delivery{Message: m})
	r, err := h.stored(ctx, m, about)
	if err != nil {
		return true
	}
	matched, err := l.when.evaluate(r, about)
	return matched || err != nil
}

// batch reads some of the messages, as many as may be in memory at once, and returns
// the rest. The store is released before anything is written to the listener.
func (l *listening) batch(ctx context.Context, ids []queue.ID) (read []any, rest []queue.ID, err error) { // nil in read: it is not selected
	o, err := l.api.open()
	if err != nil {
		return nil, nil, err
	}
	defer o.release()
	for size := 0; len(ids) > 0 && size < listenBatch; ids = ids[1:] {
		found, err := o.store.Look(ctx, ids[0])
		switch {
		case errors.Is(err, queue.ErrNotFound):
			read = append(read, adminapi.Gap{ID: ids[0].String(), Why: "it was removed before it could be read: " + err.Error()})
		case err != nil:
			return nil, nil, err
		case !l.of(found.Endpoint):
			read = append(read, nil)
		case found.Message == nil:
			read = append(read, adminapi.Gap{ID: ids[0].String(), Why: "it is damaged: " + found.Err.Error()})
		case !l.picks(found.Endpoint, found.Message.EventType) || !l.selects(ctx, o, found.Message):
			read = append(read, nil)
		default:
			read = append(read, l.api.heard(ctx, o, found))
			size += len(found.Message.Body) + len(found.Message.URI)
			for name, values := range found.Message.Header {
				for _, v := range values {
					size += len(name) + len(v)
				}
			}
		}
	}
	return read, ids, nil
}

// configuredRedactor hides the values that the configuration names and nothing else: a
// listener gets requests as they were received, signatures included.
func (o *opened) configuredRedactor(endpoint string) *redactor {
	r := &redactor{headers: make(map[string]bool)}
	r.hide(o.app.Redact)
	if h := o.app.endpoints[endpoint]; h != nil {
		r.hide(h.Redact)
	}
	return r
}

// heard is a message as this listener gets it: as it was received, or for the holder of a
// token without credentials.
func (a *adminAPI) heard(ctx context.Context, o *opened, found *queue.Inspection) *adminapi.Heard {
	if a.holder == nil || a.holder.raw {
		return heardOf(found.Message, found.Summary, o.configuredRedactor(found.Endpoint))
	}
	return withoutCredentials(found.Message, found.Summary, o.redactor(found.Endpoint))
}

// withoutCredentials is a message for the holder of a token that is not raw.
func withoutCredentials(m *queue.Message, s queue.Summary, red *redactor) *adminapi.Heard {
	heard := heardOf(m, s, red)
	heard.Request.Header, heard.Request.URI, heard.Redacted = red.header(m.Header), red.uri(m.URI), true
	heard.Request.Method, heard.Request.Host = red.plain(m.Method), red.plain(m.Host)
	heard.Message.EventID, heard.Message.EventType = red.plain(m.EventID), red.plain(m.EventType)
	return heard
}

// heardOf is a message as a listener gets it.
func heardOf(m *queue.Message, s queue.Summary, red *redactor) *adminapi.Heard {
	heard := &adminapi.Heard{
		Message: adminapi.HeardMessage{
			ID: m.ID, ReceivedAt: m.ReceivedAt.UTC(), Endpoint: s.Endpoint, Provider: m.Provider, EventID: m.EventID, EventType: m.EventType,
		},
		Request: adminapi.RawRequest{Method: m.Method, URI: m.URI, Host: m.Host, Body: m.Body},
	}
	if m.Body == nil {
		heard.Request.Body = []byte{} // not null in JSON
	}
	heard.Request.Header, heard.Redacted = m.Header, false
	if m.Header == nil {
		heard.Request.Header = make(http.Header)
	}
	for name := range m.Header {
		if red.headers[http.CanonicalHeaderKey(name)] {
			if !heard.Redacted {
				heard.Request.Header, heard.Redacted = m.Header.Clone(), true
			}
			heard.Request.Header[name] = []string{redacted}
		}
	}
	if body := red.body(m.Body, m.Header); !bytes.Equal(body, m.Body) {
		heard.Request.Body, heard.Redacted = body, true
	}
	return heard
}

// handedOut notes the greatest message that any listener got, and the messages that were
// accepted later with a lesser ID. A listener that begins behind a message gets these as
// well. Like the hub it outlives configurations.
var handedOut lateness

type lateness struct {
	greatest atomic.Pointer[string] // nil: nobody has listened
	mu       sync.Mutex
	late     []lateMessage // the latest maxLate
}

type lateMessage struct {
	id, endpoint, eventType string

	behind string // the greatest that had been handed out
}

const maxLate = 1000

func (h *lateness) note(id string) {
	for {
		old := h.greatest.Load()
		if old != nil && *old >= id || h.greatest.CompareAndSwap(old, &id) {
			return
		}
	}
}

// accepted notes a message that is visible from now on. Until somebody listens, it costs
// one atomic read.
func (h *lateness) accepted(id, endpoint, eventType string) {
	greatest := h.greatest.Load()
	if greatest == nil || id == "" || id > *greatest {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.late) == maxLate {
		h.late = append(h.late[:0], h.late[maxLate/2:]...)
	}
	h.late = append(h.late, lateMessage{id, endpoint, eventType, *greatest})
}

// since returns the messages before one that were accepted after it was handed out, of the
// endpoints and types that picks names.
func (h *lateness) since(id string, picks func(endpoint, eventType string) bool) (late []queue.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.late {
		if m.id < id && m.behind >= id && picks(m.endpoint, m.eventType) {
			if parsed, err := parseID(m.id); err == nil {
				late = append(late, parsed)
			}
		}
	}
	slices.SortFunc(late, func(a, b queue.ID) int { return bytes.Compare(a[:], b[:]) })
	return late
}
