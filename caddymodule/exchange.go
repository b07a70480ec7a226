package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// exchangeVar is the name of a request's exchange among Caddy's variables, which the
// routes of handle_errors have too.
const exchangeVar = "webhook_gateway.exchange"

// exchange has the values that a [Transport] and a [Tracing] need of an event's request.
type exchange struct {
	endpoint *Handler
	about    *facts
	body     []byte
}

// String keeps the body out of placeholders and logs.
func (*exchange) String() string { return "webhook_gateway" }

// exchanging marks a request as an event's, for the transport.
func (h *Handler) exchanging(r *http.Request, about *facts, body []byte) {
	about.exchange = exchange{endpoint: h, about: about, body: body}
	caddyhttp.SetVar(r.Context(), exchangeVar, &about.exchange)
}

// maxStale limits how many closed connections in a row send may meet.
const maxStale = 64

// send makes the round trip. An upstream may close an idle connection at the moment when
// a request is sent into it. If the connection was reused and no byte of an answer came,
// send sends the request again at once.
//
// An upstream that crashes on the request gets it once more, on a new connection. There
// the loop ends.
func (x *exchange) send(base http.RoundTripper, r *http.Request) (*http.Response, error) {
	p := &replay{from: r.Body, known: x.body}
	for tries := 0; ; tries++ {
		var seen struct {
			reused, answered atomic.Bool
			trace            httptrace.ClientTrace
		}
		seen.trace.GotConn = func(c httptrace.GotConnInfo) { seen.reused.Store(c.Reused) }
		seen.trace.GotFirstResponseByte = func() { seen.answered.Store(true) }
		try := r.WithContext(httptrace.WithClientTrace(r.Context(), &seen.trace))
		if r.Body != nil && r.Body != http.NoBody {
			body, err := p.reader()
			if err != nil {
				return nil, err
			}
			try.Body, try.GetBody = body, p.reader
		}
		resp, err := base.RoundTrip(try)
		if err == nil || !seen.reused.Load() || seen.answered.Load() || tries == maxStale || r.Context().Err() != nil || !hungUp(err) || !p.repeatable() {
			p.settle()
			return resp, err
		}
	}
}

// hungUp reports whether an error says that the other side closed the connection.
func hungUp(err error) bool {
	for _, is := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, is) {
			return true
		}
	}
	text := err.Error() // these have no type of their own
	return strings.Contains(text, "server closed idle connection") || strings.HasSuffix(text, "EOF")
}

// replay lets a body be read from its beginning again. It keeps no copy: the bytes are
// those of the event's body, unless a handler sends another body.
type replay struct {
	mu      sync.Mutex
	from    io.ReadCloser
	known   []byte
	read    int  // bytes that were read from from, the same as in known
	strayed bool // bytes were read that are not in known
	last    *replayed
	settled bool
}

var errNotRepeatable = errors.New("the body was changed by a handler and cannot be sent twice")

// reader returns a reader from the beginning of the body. It closes the one before.
func (p *replay) reader() (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.strayed {
		return nil, errNotRepeatable
	}
	if p.last != nil {
		p.last.closed = true
	}
	p.last = &replayed{replay: p}
	return p.last, nil
}

func (p *replay) repeatable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.strayed
}

// settle ends the repetitions. The body is closed together with its last reader.
func (p *replay) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = true
	if p.last != nil && p.last.closed {
		_ = p.from.Close() // it is memory
	}
}

// replayed is one reading of a body.
type replayed struct {
	*replay
	at     int
	closed bool
}

// Read repeats the bytes that were read before, and then reads on.
func (r *replayed) Read(b []byte) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return 0, http.ErrBodyReadAfterClose
	case r.at < r.read:
		n = copy(b, r.known[r.at:r.read])
		r.at += n
		return n, nil
	}
	n, err = r.from.Read(b)
	if r.strayed = r.strayed || !bytes.HasPrefix(r.known[min(r.read, len(r.known)):], b[:n]); !r.strayed {
		r.read += n
		r.at += n
	}
	return n, err
}

// Close ends this reading.
func (r *replayed) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	if r.settled {
		return r.from.Close()
	}
	return nil
}

// redacting returns the endpoint's redactor. It is made anew only when a secret was
// learnt. While no store is open, it lacks the learnt secrets.
func (h *Handler) redacting() *redactor {
	var shared *shared
	var learnt *[]string
	if h.row.Secret.Learnt {
		if run := h.app.run(); run != nil && run.acquire(reference) {
			defer run.leave()
			shared = run.shared
			learnt, _ = shared.learntBy(context.Background(), h.Name)
		}
	}
	if made := h.made.Load(); made != nil && made.learnt == learnt {
		return made.redactor
	}
	made := &madeRedactor{h.redactor(context.Background(), shared), learnt}
	h.made.Store(made)
	return made.redactor
}

// madeRedactor is a redactor with the learnt secrets from which it was made.
type madeRedactor struct {
	*redactor
	learnt *[]string
}
