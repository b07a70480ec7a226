package caddymodule

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// errReading: the sender's connection failed or was too slow.
var errReading = errors.New("reading the body")

// How a body is read. Memory is taken as bytes arrive: a Content-Length alone gets
// the first step.
const (
	firstStep  = 512     // bytes
	secondStep = 4 << 10 // from there on the buffer is doubled
)

// How slowly a body may arrive. They are variables for the tests.
var (
	readGrace       = 5 * time.Second  // before the rate counts
	readRate  int64 = 1 << 10          // bytes a second, since the first moment
	readLimit       = 30 * time.Second // for the whole body, unless the server has a limit
)

// firstBuffers are reused, since most bodies outgrow them at once.
var firstBuffers = sync.Pool{New: func() any { return new([firstStep]byte) }}

// inFlight is a request in memory.
type inFlight struct {
	memory
	request verifiers.Request
	body    []byte
	first   *[firstStep]byte // the memory of body, if it is of firstBuffers

	began time.Time // of reading
	end   time.Time // when the whole body must be there
	armed time.Time // the deadline that is set
}

// expect counts the bytes of the request that have arrived before its body.
func (b *inFlight) expect(r *http.Request) error {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		n += len(name)
		for _, v := range values {
			n += len(v)
		}
	}
	return b.grow(int64(n))
}

// read takes in the whole body, at most limit bytes, chunked or not. A body that
// is over the limit is verifiers.BodyTooLarge.
func (b *inFlight) read(w http.ResponseWriter, r *http.Request, limit int64) error {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b.began = time.Now()
	control := http.NewResponseController(w)
	// It holds also for what the server reads of a refused body before it answers.
	b.arm(control)
	if r.ContentLength > limit {
		return verifiers.BodyTooLarge
	}
	for {
		size := b.step(r.ContentLength, limit)
		if err := b.grow(size); err != nil {
			return err
		}
		b.enlarge(size)
		done, err := b.fill(control, r, limit)
		if err != nil {
			return err
		}
		if done {
			return nil
		}
	}
}

// enlarge replaces the buffer. Until then both count.
func (b *inFlight) enlarge(size int64) {
	old := b.body
	if size == firstStep {
		b.first = firstBuffers.Get().(*[firstStep]byte)
		b.body = b.first[:0]
		return
	}
	b.body = append(make([]byte, 0, size), old...)
	b.give(int64(cap(old)))
	if b.first != nil {
		firstBuffers.Put(b.first)
		b.first = nil
	}
}

// step is how large the buffer becomes next, for a body of a known length or not.
func (b *inFlight) step(length, limit int64) int64 {
	size := 2 * int64(cap(b.body))
	switch cap(b.body) {
	case 0:
		size = firstStep
	case firstStep:
		size = secondStep
	}
	if length > 0 {
		return min(size, length)
	}
	return min(size, limit+1) // one byte more is too large
}

// fill reads until the buffer is full or the body is over. A chunked body that
// ends exactly where the buffer does is found out on the next round.
func (b *inFlight) fill(control *http.ResponseController, r *http.Request, limit int64) (done bool, err error) {
	for len(b.body) < cap(b.body) {
		b.arm(control)
		n, err := r.Body.Read(b.body[len(b.body):cap(b.body)])
		b.body = b.body[:len(b.body)+n]
		switch {
		case int64(len(b.body)) > limit:
			return true, verifiers.BodyTooLarge
		case err == io.EOF:
			return true, nil
		case err != nil:
			var tooLarge *http.MaxBytesError // of Caddy's request_body before us
			if errors.As(err, &tooLarge) {
				return true, verifiers.BodyTooLarge
			}
			return true, errors.Join(errReading, err)
		}
	}
	return int64(len(b.body)) == r.ContentLength, nil
}

// arm sets the time until which the next bytes must be there. The time in which the
// request waited for memory is not the sender's.
func (b *inFlight) arm(control *http.ResponseController) {
	due := b.began.Add(b.waited + readGrace + time.Duration(len(b.body))*time.Second/time.Duration(readRate))
	if due.After(b.end) {
		due = b.end
	}
	if b.armed.IsZero() || due.Sub(b.armed) > readGrace/8 || due == b.end && due != b.armed {
		b.armed = due
		_ = control.SetReadDeadline(due)
	}
}

// disarm lets the server wait for as long as it would. A deadline that passes while
// a request is handled would cancel it.
func (b *inFlight) disarm(w http.ResponseWriter, deadline time.Time) {
	if !b.armed.IsZero() {
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
	}
}
