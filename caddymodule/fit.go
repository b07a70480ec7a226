package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/hookwicket/hookwicket/verifiers"
)

// errUnfit: a handler before the gateway has changed the request so that it cannot be
// sent.
var errUnfit = errors.New("the request cannot be forwarded as the handlers before the gateway have left it")

// fit checks that a request can be sent on. It is called before an event's key is
// taken. Otherwise a captured request with an unusable target would be acknowledged in
// place of the genuine one, and never arrive.
//
// The target comes from the sender, so its error wraps [verifiers.MalformedBody]. The
// server has checked everything else, and only handlers of the configuration can spoil
// it.
func fit(r *http.Request) error {
	if _, err := target(r.URL.RequestURI()); err != nil {
		return fmt.Errorf("%w: %w", verifiers.MalformedBody, err)
	}
	if r.Host != "" {
		if host, err := httpguts.PunycodeHostPort(r.Host); err != nil || !httpguts.ValidHostHeader(host) {
			return fmt.Errorf("%w: the host %q", errUnfit, r.Host)
		}
	}
	if !validToken(r.Method) || r.Method == http.MethodConnect {
		return fmt.Errorf("%w: the method %q", errUnfit, r.Method)
	}
	if _, _, ok := http.ParseHTTPVersion(r.Proto); !ok {
		return fmt.Errorf("%w: the protocol %q", errUnfit, r.Proto)
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("%w: a header is named %q", errUnfit, name)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return fmt.Errorf("%w: the value of header %s has control characters", errUnfit, name)
			}
		}
	}
	return nil
}

// validToken: methods and header names have the same letters.
func validToken(s string) bool { return httpguts.ValidHeaderFieldName(s) }

// target parses a request's target in the one form in which it can be sent on: a
// path, with or without a query.
func target(uri string) (*url.URL, error) {
	if !strings.HasPrefix(uri, "/") {
		return nil, fmt.Errorf("the request's target %q is no path", headerValue(uri))
	}
	if strings.ContainsFunc(uri, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return nil, fmt.Errorf("the request's target %q has spaces or control characters", headerValue(uri))
	}
	return url.ParseRequestURI(uri)
}
