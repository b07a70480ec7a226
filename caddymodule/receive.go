package caddymodule

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// errReading: the sender's connection failed or was too slow.
var errReading = errors.New("reading the body")

// How a body is read. Memory is taken as bytes arrive: a Content-Length alone gets the
// first step, which is no more than net/http takes for a connection. After that, an eighth
// of the body brings memory for the whole. The copies from one buffer into the next are
// then a seventh of the body.
const (
	firstStep = 4 << 10 // bytes
	growth    = 8       // how much larger the next buffer is, for a body of known length
)

// How slowly a body may arrive. They are variables for the tests.
var (
	readGrace       = 5 * time.Second  // before the rate counts
	readRate  int64 = 1 << 10          // bytes a second, since reading began
	readLimit       = 30 * time.Second // for the whole body, unless the server has a limit
)

// inFlight is the memory that a request holds, and the body in it.
//
// The buffer of a body is never reused. The placeholders of the event read it until Caddy's
// access log is written, and a transport may send from it after its handler has returned.
type inFlight struct {
	memory
	body []byte

	began time.Time // of reading
	end   time.Time // the deadline for the whole body
	armed time.Time // the read deadline that is set on the connection
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
	// The deadline also limits the server, which reads on in a refused body before it
	// answers.
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

// enlarge replaces the buffer. Old and new count until the old one is released.
func (b *inFlight) enlarge(size int64) {
	old := b.body
	b.body = append(make([]byte, 0, size), old...)
	b.give(int64(cap(old)))
}

// step returns the next size of the buffer. A length of -1 is unknown.
func (b *inFlight) step(length, limit int64) int64 {
	held := int64(cap(b.body))
	if length <= 0 {
		return min(max(2*held, firstStep), limit+1) // one byte more is too large
	}
	size := length
	for size > firstStep && (size+growth-1)/growth > held {
		size = (size + growth - 1) / growth
	}
	return size
}

// fill reads until the buffer is full or the body ends. If a chunked body ends exactly
// at the end of the buffer, the next call finds it.
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

// arm sets the deadline for the next bytes. The time in which the request waited for
// memory does not count.
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

// disarm restores the server's own deadline. One that passes while a request is being
// handled would cancel the request.
func (b *inFlight) disarm(w http.ResponseWriter, deadline time.Time) {
	if !b.armed.IsZero() {
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
	}
}
