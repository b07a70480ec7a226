package caddymodule

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// hopHeaders belong to one connection (RFC 9110, section 7.6.1; RFC 7540, section
// 3.2.1). Expect is answered by the server that reads the body.
var hopHeaders = []string{
	"Connection", "Expect", "Http2-Settings", "Keep-Alive", "Proxy", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// dropHop removes the headers of one connection: those of hopHeaders, Proxy-*,
// trailers, and those that Connection names. Keep picks which of the named stay.
func dropHop(h http.Header, keep func(name string) bool) {
	for _, name := range named(h) {
		if !keep(name) {
			delete(h, name)
		}
	}
	for _, name := range hopHeaders {
		delete(h, name)
	}
	for name := range h {
		if strings.HasPrefix(name, "Proxy-") || strings.HasPrefix(name, http.TrailerPrefix) {
			delete(h, name)
		}
	}
}

// keepsNone is for answers, of which no header is needed that Connection names.
func keepsNone(string) bool { return false }

// named are the headers, other than hopHeaders, that are present and that the
// Connection header names.
func named(h http.Header) (names []string) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if _, present := h[name]; present && !slices.Contains(hopHeaders, name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// dropHop removes the headers of the sender's connection from a request. A header
// that Connection names stays if the gateway, the provider or the body need it.
// Otherwise anyone could remove the signature from a captured request.
func (h *Handler) dropHop(header http.Header) { dropHop(header, h.needs) }

// needs reports whether a header stays although Connection names it.
func (h *Handler) needs(name string) bool {
	if strings.HasPrefix(name, headerPrefix) || strings.HasPrefix(name, "Content-") ||
		h.row.AttemptID != "" && http.CanonicalHeaderKey(h.row.AttemptID) == name {
		return true
	}
	for _, p := range verifiers.CredentialsOf(h.row.Scheme) {
		if p.From == "header" && http.CanonicalHeaderKey(p.Name) == name {
			return true
		}
	}
	return tells(name)
}

// maxNamed bounds how many headers that Connection names are looked at one by one.
// A request that names more keeps all of them.
const maxNamed = 8

// dropHopVerified is dropHop for a verified request. A named header stays if the
// request says something else without it, such as another event ID.
func (h *Handler) dropHopVerified(ctx context.Context, v verifiers.Verifier, r *verifiers.Request, event verifiers.Event) {
	asked := slices.DeleteFunc(named(r.Header), h.needs)
	if len(asked) == 0 {
		h.dropHop(r.Header)
		return
	}
	needed := make(map[string]bool)
	rest := maps.Clone(r.Header)
	for i, name := range asked {
		without := maps.Clone(rest)
		delete(without, name)
		trial := *r
		trial.Header = without
		if i >= maxNamed || !alike(ctx, v, &trial, event) {
			needed[name] = true
			continue
		}
		rest = without
	}
	dropHop(r.Header, func(name string) bool { return needed[name] || h.needs(name) })
}

// alike reports whether a request verifies as the same event.
func alike(ctx context.Context, v verifiers.Verifier, r *verifiers.Request, event verifiers.Event) bool {
	other, err := v.Verify(ctx, r)
	return err == nil && other.ID == event.ID && other.Type == event.Type && other.Timestamp.Equal(event.Timestamp) &&
		other.Signed == event.Signed && bytes.Equal(other.Content, event.Content)
}
