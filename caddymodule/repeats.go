package caddymodule

import (
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// A forged request must not cost more log than its sender sent. For each endpoint and
// reason, the first request of a client in a minute gets a line, for the first 16
// clients. The other requests are counted. The count is one line at the end of the
// minute.
const (
	quietPeriod = time.Minute
	quietLines  = 16 // in a period
)

// repeats counts repeated log lines. The zero repeats is empty.
type repeats struct {
	mu     sync.Mutex
	of     map[repeat]*period
	closed bool // counts would not be written any more
}

// repeat identifies lines that repeat each other. There are about as many as endpoints
// times reasons.
type repeat struct {
	endpoint, text, reason string
}

// period is one minute of a repeat.
type period struct {
	clients map[string]bool // clients with a line
	more    int             // requests without one
	ends    time.Time
	timer   *time.Timer // calls end; nil: no request was counted
	summary func(more int)
}

// first reports whether a request gets a line. If not, it is counted. The summary of
// the first counted request is called at the end of the period.
func (r *repeats) first(which repeat, client string, now time.Time, summary func(more int)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return true
	}
	if r.of == nil {
		r.of = make(map[repeat]*period)
	}
	t := r.of[which]
	if t == nil || t.timer == nil && !now.Before(t.ends) {
		t = &period{clients: make(map[string]bool), ends: now.Add(quietPeriod)}
		r.of[which] = t
	}
	if len(t.clients) < quietLines && !t.clients[client] {
		t.clients[client] = true
		return true
	}
	if t.more++; t.timer == nil {
		t.summary = summary
		t.timer = time.AfterFunc(t.ends.Sub(now), func() { r.end(which, t) })
	}
	return false
}

// end writes the count of a period and begins no other. The next request does.
func (r *repeats) end(which repeat, t *period) {
	r.mu.Lock()
	current := r.of[which] == t // else close has written it
	if current {
		delete(r.of, which)
	}
	r.mu.Unlock()
	if current {
		t.summary(t.more)
	}
}

// close writes all counts at once. Later requests are logged each time.
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

// remark is a log line that a stranger can cause as often as it likes.
type remark struct {
	level        zapcore.Level
	text, reason string
}

// note logs a remark about a request or an event, unless it is a repetition. The
// fields are made only for a line that is written.
func (h *Handler) note(line remark, about *facts, fields func() []zap.Field) {
	logger := h.logger
	client := about.client
	if about.network.IsValid() {
		client = about.network.String()
	}
	endpoint, provider := about.endpoint, about.provider // the summary must not keep the event in memory
	first := h.app.repeats.first(repeat{h.Name, line.text, line.reason}, client, time.Now(), func(more int) {
		logger.Log(line.level, line.text, zap.String("endpoint", endpoint), zap.String("provider", provider),
			zap.String("reason", line.reason), zap.Int("repeated", more))
	})
	if !first {
		return
	}
	if entry := logger.Check(line.level, line.text); entry != nil {
		entry.Write(append(about.fields(), fields()...)...)
	}
}

// noteRefusal is note for a request that is refused, or would be. Size is the size of
// its body.
func (q *request) noteRefusal(text string, size int, err error) {
	reason := q.facts.reason
	q.endpoint.note(remark{zapcore.WarnLevel, text, reason}, q.facts, func() []zap.Field {
		fields := []zap.Field{zap.String("reason", reason), zap.String("remote_addr", clientIP(q.r)), zap.Int("size", size)}
		if text := detail(err); text != "" {
			fields = append(fields, zap.String("detail", text))
		}
		if id := q.facts.refusedID; id != "" {
			fields = append(fields, zap.String("refused_id", id))
		}
		return fields
	})
}

// noteUnrouted logs an event that matches no forward. It may be forged if it has a
// reason, because an observing endpoint has kept it.
func (q *request) noteUnrouted() {
	const text = "the event matches no forward; it is kept for the retention"
	h, f := q.endpoint, q.facts
	if f.reason == "" {
		h.logger.Info(text, f.fields()...)
		return
	}
	h.note(remark{zapcore.InfoLevel, text, f.reason}, f, func() []zap.Field { return nil })
}

// causeOf names the part of the gateway that is at fault when an event cannot be
// accepted.
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
