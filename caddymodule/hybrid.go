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

// maxAnswer is how long an upstream's answer may be to be handed to the sender.
const maxAnswer = 1 << 20

// relay makes the first attempt of an event that is durable while its sender
// waits, and hands the upstream's answer on if it is a success that comes in time.
// Otherwise it says that the sender is still to be answered. The attempt itself is
// not cut short: what the upstream has begun to take it would get twice.
func (h *Handler) relay(w http.ResponseWriter, r *http.Request, shared *shared, claim queue.Claim) (answered bool) {
	f := h.waiting()
	worker, attempting := h.app.worker(f.destination)
	if worker == nil { // another configuration delivers by now
		if err := claim.Release(); err != nil {
			h.logger.Error("the store failed a delivery; it will be repeated", append(f.fields(), zap.Error(err))...)
		}
		return false
	}
	memory := h.memory(shared, time.Time{})
	memory.verified = true
	c := &captured{recorder: recorder{header: make(http.Header)}, memory: &memory}
	defer c.drop()
	done, ok := worker.Try(attempting, claim, func(ctx context.Context, d *queue.Delivery) (queue.Answer, error) {
		return f.run(ctx, d, c)
	})
	if !ok {
		return false
	}
	patience := time.NewTimer(time.Duration(f.Wait))
	defer patience.Stop()
	select {
	case a := <-done:
		if a.Outcome != queue.Delivered {
			return false
		}
		return c.writeTo(w)
	case <-patience.C:
		return false
	case <-r.Context().Done():
		return true // nobody is there to hear
	}
}

// worker returns what delivers to a destination, and until when its attempts may
// last; nil, unless the configuration has started.
func (a *App) worker(destination string) (*queue.Worker, context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running == nil {
		return nil, nil
	}
	return a.running.delivering[destination], a.running.attempting
}

// captured takes an upstream's answer whole, for as long as somebody waits for it.
// What an attempt keeps of any answer it keeps as well.
type captured struct {
	recorder

	mu     sync.Mutex
	memory *memory     // of the body
	head   http.Header // as it was with the final status
	body   []byte
	lost   bool // too long, no room for it, or nobody waits any more
}

// WriteHeader notes the final status with its header; trailers come later, and
// informational answers before.
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

// ReadFrom hides that of the recorder, which would keep nothing of a success.
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
		c.forget()
		return
	}
	c.body = append(c.body, b...)
}

// drop is called when nobody waits for the answer any more.
func (c *captured) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
}

func (c *captured) forget() {
	c.memory.release()
	c.body, c.lost = nil, true
}

// writeTo answers the sender as the upstream did, unless its answer was lost.
func (c *captured) writeTo(w http.ResponseWriter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost || !success(c.status) {
		return false
	}
	dropHop(c.head, keepsNone)
	for name, values := range c.head {
		w.Header()[name] = values
	}
	if c.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(c.body)))
	}
	w.WriteHeader(c.status)
	_, _ = w.Write(c.body) // a sender that is gone has its event accepted all the same
	return true
}

// warnOfWait tells a person that a sender will not wait as long as a forward lets
// it.
func (h *Handler) warnOfWait() {
	f, deadline := h.waiting(), h.row.Retries.Deadline
	if f != nil && deadline > 0 && time.Duration(f.Wait) >= deadline {
		h.logger.Warn("the sender gives up before `wait` is over, and its event would count as failed there; make wait shorter",
			append(f.fields(), zap.Duration("wait", time.Duration(f.Wait)), zap.Duration("sender_waits", deadline))...)
	}
}
