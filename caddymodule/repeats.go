package caddymodule

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// What strangers send must not cost more log than they sent. Of one endpoint and one
// reason, each client's first request in a minute is a line, for the first clients.
// The rest is counted, and the count is one line when the minute is over.
const (
	quietPeriod = time.Minute
	quietLines  = 16 // in a period
)

// repeats counts what strangers repeat. The zero repeats has counted nothing.
type repeats struct {
	mu     sync.Mutex
	of     map[repeat]*period
	closed bool // nobody would write the counts
}

// repeat is what lines have in common. There are as many as endpoints times reasons.
type repeat struct {
	endpoint, text, reason string
}

// period is one minute of a repeat.
type period struct {
	clients map[string]bool // that have a line
	more    int             // requests without one
	ends    time.Time
	timer   *time.Timer // calls end; nil: nothing was counted
	summary func(more int)
}

// first tells whether a request gets a line. If not, it is counted, and the first
// one that is counted has summary called at the end of the period.
func (r *repeats) first(what repeat, client string, now time.Time, summary func(more int)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return true
	}
	if r.of == nil {
		r.of = make(map[repeat]*period)
	}
	t := r.of[what]
	if t == nil || t.timer == nil && !now.Before(t.ends) {
		t = &period{clients: make(map[string]bool), ends: now.Add(quietPeriod)}
		r.of[what] = t
	}
	if len(t.clients) < quietLines && !t.clients[client] {
		t.clients[client] = true
		return true
	}
	if t.more++; t.timer == nil {
		t.summary = summary
		t.timer = time.AfterFunc(t.ends.Sub(now), func() { r.end(what, t) })
	}
	return false
}

// end writes the count of a period that is over. The next request is a first one.
func (r *repeats) end(what repeat, t *period) {
	r.mu.Lock()
	current := r.of[what] == t // else close has written it
	if current {
		delete(r.of, what)
	}
	r.mu.Unlock()
	if current {
		t.summary(t.more)
	}
}

// close writes all counts at once. What is repeated later is logged each time.
func (r *repeats) close() {
	r.mu.Lock()
	r.closed = true
	all := r.of
	r.of = nil
	r.mu.Unlock()
	for _, t := range all {
		if t.timer != nil {
			t.timer.Stop()
			t.summary(t.more)
		}
	}
}

// note logs what a stranger can make happen as often as it likes. The fields are
// made only for a line that is written.
func (h *Handler) note(level zapcore.Level, text, reason string, about *facts, fields func() []zap.Field) {
	logger := h.logger
	client := about.client
	if about.network.IsValid() {
		client = about.network.String()
	}
	first := h.app.repeats.first(repeat{h.Name, text, reason}, client, time.Now(), func(more int) {
		logger.Log(level, text, zap.String("endpoint", about.endpoint), zap.String("provider", about.provider),
			zap.String("reason", reason), zap.Int("repeated", more))
	})
	if !first {
		return
	}
	if line := logger.Check(level, text); line != nil {
		line.Write(append(about.fields(), fields()...)...)
	}
}

// noteRefusal is note for a request that is refused, or would be.
func (h *Handler) noteRefusal(text string, r *http.Request, about *facts, size int, err error) {
	h.note(zapcore.WarnLevel, text, about.reason, about, func() []zap.Field {
		fields := []zap.Field{zap.String("reason", about.reason), zap.String("remote_addr", clientIP(r)), zap.Int("size", size)}
		if text := detail(err); text != "" {
			fields = append(fields, zap.String("detail", text))
		}
		return fields
	})
}

// unroutedNoted logs an event that matches no forward. It is a stranger's where an
// observing endpoint kept it.
func (h *Handler) unroutedNoted(about *facts) {
	const text = "the event matches no forward; it is kept for the retention"
	if about.reason == "" {
		h.logger.Info(text, about.fields()...)
		return
	}
	h.note(zapcore.InfoLevel, text, about.reason, about, func() []zap.Field { return nil })
}

// causeOf is what is at fault when an event cannot be accepted, in few words.
func causeOf(err error) string {
	for _, cause := range []struct {
		err  error
		text string
	}{
		{errNoRoomHere, "memory of the endpoint"}, {errNoRoom, "memory"},
		{errBacklogHere, "backlog of the endpoint"}, {queue.ErrFull, "backlog"}, {queue.ErrUnavailable, "store"},
		{verifiers.UnavailableKey, string(verifiers.UnavailableKey)}, {errNobodyAnswered, "upstream"},
	} {
		if errors.Is(err, cause.err) {
			return cause.text
		}
	}
	return "other"
}
