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

// maxFields limits the header fields of a request. Senders have a few dozen. Servers
// and proxies limit the number as well, so with more an event might never arrive.
const maxFields = 200

// errTooManyFields: someone has added headers to a request. They are not signed.
var errTooManyFields = fmt.Errorf("%w: there are more than %d header fields", verifiers.MalformedBody, maxFields)

// fit checks that a request can be sent on. It is called before an event's key is
// taken. Otherwise a captured request with an unusable target would be acknowledged in
// place of the genuine one, and never arrive.
//
// The target and the number of headers come from the sender, so their errors wrap
// [verifiers.MalformedBody]. The server has checked everything else, and only handlers
// of the configuration can spoil it.
func fit(r *http.Request) error {
	if err := checkTarget(r.URL.RequestURI()); err != nil {
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
	fields := 0
	for name, values := range r.Header {
		if fields += len(values); fields > maxFields {
			return errTooManyFields
		}
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
	if err := checkTarget(uri); err != nil {
		return nil, err
	}
	return url.ParseRequestURI(uri)
}

// checkTarget returns the error of target. It makes no URL unless an escape of the path
// may be malformed: a path without one cannot fail.
func checkTarget(uri string) error {
	if !strings.HasPrefix(uri, "/") {
		return fmt.Errorf("the request's target %q is no path", headerValue(uri))
	}
	if strings.ContainsFunc(uri, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return fmt.Errorf("the request's target %q has spaces or control characters", headerValue(uri))
	}
	if path, _, _ := strings.Cut(uri, "?"); !strings.Contains(path, "%") {
		return nil
	}
	_, err := url.ParseRequestURI(uri)
	return err
}
