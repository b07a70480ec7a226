package caddymodule

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/queue"
)

// maxAnswer limits the bytes of an upstream's answer that the sender gets.
const maxAnswer = 1 << 20

// relay makes the first attempt of a durable event while its sender waits. If the
// upstream answers in time with a success, the sender gets that answer. Otherwise
// relay returns false, and the sender is still to be answered. The attempt goes on
// then: cut off, it would be repeated, and the upstream would get the event twice.
// relay always gives up the claim.
func (q *request) relay() (answered bool) {
	h := q.endpoint
	f := h.waiting()
	worker, attempting := h.app.worker(f.destination)
	if worker == nil { // another configuration delivers by now
		if err := q.held.Release(); err != nil {
			f.storeFailed(err)
		}
		return false
	}
	c, done, ok := f.try(q.shared, worker, attempting, q.held)
	if !ok {
		return false
	}
	defer c.drop()
	patience := time.NewTimer(time.Duration(f.Wait))
	defer patience.Stop()
	select {
	case a := <-done:
		if a.Outcome != queue.Delivered {
			return false
		}
		answer, ok := c.whole()
		if ok {
			answer.writeTo(q.w)
		}
		return ok
	case <-patience.C:
		return false
	case <-q.r.Context().Done():
		return true // the sender is gone
	}
}

// try makes the first attempt of an event whose sender waits. c records the upstream's answer
// until its drop.
func (f *Forward) try(s *shared, worker *queue.Worker, attempting context.Context, claim queue.Claim) (c *captured, done <-chan queue.Attempted, ok bool) {
	memory := f.endpoint.memory(s, time.Time{})
	memory.verified = true
	c = &captured{recorder: recorder{header: make(http.Header)}, memory: &memory}
	done, ok = worker.Try(attempting, claim, func(ctx context.Context, d *queue.Delivery) (queue.Answer, error) {
		return f.run(ctx, d, c)
	})
	return c, done, ok
}

// worker returns the worker of a destination and the context of its attempts. It
// returns nil unless the configuration has started.
func (a *App) worker(destination queue.Destination) (*queue.Worker, context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running == nil {
		return nil, nil
	}
	return a.running.delivering[destination], a.running.attempting
}

// captured records an upstream's whole answer while the sender waits for it. It also
// records the excerpt that every attempt keeps.
type captured struct {
	recorder

	mu     sync.Mutex
	memory *memory     // of the body
	head   http.Header // at the moment of the final status
	body   []byte
	lost   bool // it is too long, there is no room for it, or the sender has stopped waiting
}

// WriteHeader notes the final status with its header. Informational answers come
// before it, and trailers after it.
func (c *captured) WriteHeader(status int) {
	if c.status == 0 && status >= 200 {
		c.mu.Lock()
		c.head = c.Header().Clone()
		c.mu.Unlock()
	}
	c.recorder.WriteHeader(status)
}

// Write keeps a part of the answer.
func (c *captured) Write(b []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	c.keep(b)
	return c.recorder.Write(b)
}

// ReadFrom replaces the recorder's, which would keep only an excerpt.
func (c *captured) ReadFrom(r io.Reader) (int64, error) {
	c.WriteHeader(http.StatusOK)
	return io.Copy(struct{ io.Writer }{c}, r)
}

func (c *captured) keep(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost || !success(c.status) {
		return
	}
	n := int64(len(b))
	if len(c.body)+len(b) > maxAnswer || c.memory.take(n) != nil {
		c.forgetLocked()
		return
	}
	c.body = append(c.body, b...)
}

// drop is called when the sender has stopped waiting for the answer.
func (c *captured) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetLocked()
}

func (c *captured) forgetLocked() {
	c.memory.release()
	c.body, c.lost = nil, true
}

// whole returns the upstream's answer, unless it was lost. It is valid until drop.
func (c *captured) whole() (answer senderAnswer, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost || !success(c.status) {
		return senderAnswer{}, false
	}
	return senderAnswer{c.status, c.head, c.body}, true
}

// senderAnswer is an upstream's answer that the sender gets.
type senderAnswer struct {
	status int
	header http.Header
	body   []byte
}

func (a senderAnswer) writeTo(w http.ResponseWriter) {
	dropHop(a.header, keepsNone)
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the event is accepted even if the sender is gone
}

// warnOfWait warns of a `wait` that is longer than the sender waits.
func (h *Handler) warnOfWait() {
	f, deadline := h.waiting(), h.row.Retries.Deadline
	if f != nil && deadline > 0 && time.Duration(f.Wait) >= deadline {
		h.logger.Warn("the sender gives up before `wait` is over, and its event would count as failed there; make wait shorter",
			append(f.fields(), zap.Duration("wait", time.Duration(f.Wait)), zap.Duration("sender_waits", deadline))...)
	}
}
