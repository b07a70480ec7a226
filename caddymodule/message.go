package caddymodule

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/hookwicket/hookwicket/queue"
)

// message makes a record of the request, from which rebuild makes it again for the
// forward routes. It shares the request's headers and body; the store copies them.
func (q *request) message() *queue.Message {
	r := q.r
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return &queue.Message{
		ID:         queue.NewID(q.facts.receivedAt),
		ReceivedAt: q.facts.receivedAt,
		Endpoint:   q.endpoint.Name,
		Provider:   q.endpoint.row.Name,
		EventID:    q.event.ID,
		EventType:  q.event.Type,
		Timestamp:  q.event.Timestamp,
		Signed:     q.facts.signed,

		Method:       r.Method,
		URI:          r.URL.RequestURI(),
		Host:         r.Host,
		Proto:        r.Proto,
		RemoteAddr:   r.RemoteAddr,
		ClientIP:     clientIP(r),
		TLS:          r.TLS != nil,
		TrustedProxy: trusted,
		Header:       r.Header,
		Body:         q.in.body,
	}
}

// rebuild makes a request from a stored message.
func rebuild(ctx context.Context, m *queue.Message, about *facts) (*http.Request, error) {
	u, err := target(m.URI)
	if err != nil {
		return nil, fmt.Errorf("the stored request cannot be made again: %w", err)
	}
	if ctx.Value(http.LocalAddrContextKey) == nil {
		ctx = withAddress(ctx)
	}
	r := new(http.Request).WithContext(ctx)
	r.Method, r.URL, r.RequestURI = m.Method, u, m.URI
	r.Proto, r.Host, r.RemoteAddr = m.Proto, m.Host, m.RemoteAddr
	r.Header = copyOf(m.Header, maxHeaders)
	r.Body = io.NopCloser(bytes.NewReader(m.Body))
	r.ContentLength = int64(len(m.Body)) // left at 0, reverse_proxy would drop the body
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(m.Proto)
	if m.TLS {
		// A zero state would add "Early-Data: 1".
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13, ServerName: hostname(m.Host)}
	}
	about.headers(r.Header)
	return r, nil
}

// withAddress adds a local address to the context of rebuilt requests. Without one
// {http.request.local} would dereference nil.
func withAddress(ctx context.Context) context.Context {
	return context.WithValue(ctx, http.LocalAddrContextKey, &net.TCPAddr{})
}

// copyOf copies a header of a message, with room for more names. The message belongs to
// all of its attempts, and a handler may change values in place, as the replacements of
// request_header do. Therefore the values are copied as well, which takes one allocation.
func copyOf(h http.Header, more int) http.Header {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	c, all := make(http.Header, len(h)+more), make([]string, 0, n)
	for name, values := range h {
		at := len(all)
		all = append(all, values...)
		c[name] = all[at:len(all):len(all)]
	}
	return c
}

// prepare makes a stored message a request again, with its placeholders, for the
// routes to run on it or an expression to be evaluated.
func (h *Handler) prepare(ctx context.Context, m *queue.Message, about *facts, w http.ResponseWriter) (*http.Request, error) {
	r, err := rebuild(ctx, m, about)
	if err != nil {
		return nil, err
	}
	h.dropHop(r.Header)
	repl := caddy.NewReplacer()
	about.placeholders(repl)
	r = caddyhttp.PrepareRequest(r, repl, w, h.server)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, m.ClientIP)
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, m.TrustedProxy)
	h.exchanging(r, about, m.Body)
	return r, nil
}

// stored is the request of a stored message, to look at and not to answer.
func (h *Handler) stored(ctx context.Context, m *queue.Message, about *facts) (*http.Request, error) {
	return h.prepare(ctx, m, about, &recorder{header: make(http.Header)})
}

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}
