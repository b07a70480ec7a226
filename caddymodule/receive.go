package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// errNoRoom: too many bodies are in memory. The sender did nothing wrong.
var errNoRoom = errors.New("request bodies in memory have reached max_in_flight")

// errNoRoomHere: too many of them are this endpoint's.
var errNoRoomHere = fmt.Errorf("%w of this endpoint", errNoRoom)

// errReading: the sender's connection failed or was too slow.
var errReading = errors.New("reading the body")

// firstChunk is how much memory a request gets on its word. More comes only as
// the body does, so that a large Content-Length alone costs nothing.
const firstChunk = 64 << 10

// memory counts the bytes of bodies in memory, of all endpoints together and of
// one, and lets requests wait for some to be freed.
type memory struct {
	total    *atomic.Int64
	limit    int64
	own      *atomic.Int64 // of the endpoint; nil: it has no limit of its own
	ownLimit int64
	line     *line
	patience time.Time // until when a request may wait
}

// take counts n more bytes, or none of them.
func (m *memory) take(n int64) error {
	if m.total.Add(n) > m.limit {
		m.total.Add(-n)
		return errNoRoom
	}
	if m.own != nil && m.own.Add(n) > m.ownLimit {
		m.total.Add(-n)
		m.own.Add(-n)
		return errNoRoomHere
	}
	return nil
}

func (m *memory) give(n int64) {
	if n == 0 {
		return
	}
	m.total.Add(-n)
	if m.own != nil {
		m.own.Add(-n)
	}
	m.line.ring()
}

// inFlight is a body in memory.
type inFlight struct {
	memory
	body    []byte
	counted int64
	timeout time.Duration // for all of it; 0: the server has one of its own
}

// grow counts n more bytes, for which it may have to wait.
func (b *inFlight) grow(n int64) error {
	err := b.take(n)
	if err != nil {
		err = b.line.wait(b.patience, func() error { return b.take(n) })
	}
	if err == nil {
		b.counted += n
	}
	return err
}

func (b *inFlight) release() { b.give(b.counted) }

// read takes in the whole body, at most limit bytes, chunked or not. A body that
// is over the limit is verifiers.BodyTooLarge.
func (b *inFlight) read(w http.ResponseWriter, r *http.Request, limit int64) error {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	if b.timeout > 0 {
		// It holds also for what the server reads of a refused body before it
		// answers. The server sets another one for the next request.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(b.timeout))
	}
	if r.ContentLength > limit {
		return verifiers.BodyTooLarge
	}
	size := int64(firstChunk)
	if r.ContentLength > 0 {
		size = min(size, r.ContentLength)
	}
	for {
		if err := b.grow(size - int64(cap(b.body))); err != nil {
			return err
		}
		bigger := make([]byte, len(b.body), size)
		copy(bigger, b.body)
		b.body = bigger
		done, err := b.fill(r, limit)
		if done || err != nil {
			return err
		}
		size = 2 * size
		if r.ContentLength > 0 {
			size = min(size, r.ContentLength)
		}
	}
}

// fill reads until the buffer is full or the body is over. A chunked body that
// ends exactly where the buffer does is found out on the next round.
func (b *inFlight) fill(r *http.Request, limit int64) (done bool, err error) {
	for len(b.body) < cap(b.body) {
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
