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
	sent     bool // all of the body was read for a round trip
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
// send sends the request again at once, unless a handler has changed the body.
//
// An upstream that crashes on the request gets it once more, on a new connection. There
// the loop ends.
func (x *exchange) send(base http.RoundTripper, r *http.Request) (*http.Response, error) {
	again := true
	var body func() (io.ReadCloser, error)
	if r.Body != nil && r.Body != http.NoBody {
		if again = x.whole(r); again {
			defer r.Body.Close()
			// net/http sends such a reader in one write with the headers.
			body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil }
		}
	}
	for tries := 0; ; tries++ {
		var seen struct {
			reused, answered atomic.Bool
			trace            httptrace.ClientTrace
		}
		seen.trace.GotConn = func(c httptrace.GotConnInfo) { seen.reused.Store(c.Reused) }
		seen.trace.GotFirstResponseByte = func() { seen.answered.Store(true) }
		try := r.WithContext(httptrace.WithClientTrace(r.Context(), &seen.trace))
		if body != nil {
			try.Body, _ = body()
			try.GetBody = body
		}
		resp, err := base.RoundTrip(try)
		if err == nil || !again || !seen.reused.Load() || seen.answered.Load() || tries == maxStale || r.Context().Err() != nil || !hungUp(err) {
			return resp, err
		}
	}
}

// whole reads the body and reports whether it is all of the event's. Otherwise r gets a
// body that begins with what was read.
//
// reverse_proxy may call its transport more than once, as with lb_retries. It gives
// nothing to read then.
func (x *exchange) whole(r *http.Request) bool {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for at := 0; ; {
		n, err := r.Body.Read(*buffer)
		part := (*buffer)[:n]
		if !bytes.HasPrefix(x.body[at:], part) {
			r.Body = &begun{io.MultiReader(bytes.NewReader(x.body[:at]), bytes.NewReader(bytes.Clone(part)), ending{err}, r.Body), r.Body}
			return false
		}
		at += n
		switch {
		case err == nil:
		case at == len(x.body) && err == io.EOF:
			x.sent = true
			return true
		case at == 0 && x.sent && r.ContentLength == int64(len(x.body)):
			return true
		default:
			r.Body = &begun{io.MultiReader(bytes.NewReader(x.body[:at]), ending{err}), r.Body}
			return false
		}
	}
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 4<<10); return &b }}

// begun is a body of which a part was read already.
type begun struct {
	io.Reader
	io.Closer
}

// ending fails with an error, or has nothing to read if there is none.
type ending struct{ err error }

func (e ending) Read([]byte) (int, error) {
	if e.err == nil {
		return 0, io.EOF
	}
	return 0, e.err
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
