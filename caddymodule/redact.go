package caddymodule

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/verifiers"
)

// redacted stands in place of a hidden value.
const redacted = "[redacted]"

// always are the headers that are never shown.
var always = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"}

// telltale are parts of header names that are likely to hold a credential, for any
// provider. They also cover the headers of schemes in code, which a row cannot list.
var telltale = []string{"signature", "token", "secret", "password", "api-key", "apikey", "hmac"}

// redactor hides values of a request from people: the endpoint's secrets anywhere, the
// places of credentials, and the values that the configuration names. It never changes
// a stored or forwarded request.
type redactor struct {
	headers map[string]bool // canonical names
	query   map[string]bool
	form    map[string]bool
	paths   [][]string // into JSON bodies
	secrets []string   // the texts for which views are searched; see redact_secrets.go

	seen func(value []byte) // is called with each value that a path hides; may be nil
}

// hideHeader adds a header.
func (r *redactor) hideHeader(name string) { r.headers[http.CanonicalHeaderKey(name)] = true }

// hideJSON adds a path into JSON bodies.
func (r *redactor) hideJSON(path string) { r.paths = append(r.paths, splitPath(path)) }

// newRedactor returns a redactor for the headers that are never shown, for the places of
// a scheme's credentials, and for more places.
func newRedactor(scheme verifiers.Scheme, more ...verifiers.Place) *redactor {
	r := &redactor{headers: make(map[string]bool), query: make(map[string]bool), form: make(map[string]bool)}
	for _, name := range always {
		r.hideHeader(name)
	}
	for _, p := range append(verifiers.CredentialsOf(scheme), more...) {
		switch p.From {
		case "header":
			r.hideHeader(p.Name)
		case "query":
			r.query[p.Name] = true
		case "form":
			r.form[p.Name] = true
		case "json":
			r.hideJSON(p.Name)
		}
	}
	return r
}

// header returns the headers as people may see them.
func (r *redactor) header(h http.Header) map[string][]string {
	shown := make(map[string][]string, len(h))
	for name, values := range h {
		values = slices.Clone(values)
		for i, v := range values {
			if r.hides(name) {
				values[i] = redacted
			} else {
				values[i] = r.text(v)
			}
		}
		name = r.text(name)
		shown[name] = append(shown[name], values...)
	}
	return shown
}

func (r *redactor) hides(header string) bool {
	if r.headers[http.CanonicalHeaderKey(header)] {
		return true
	}
	return tells(header)
}

// tells reports whether the value of that name is likely to be a credential.
func tells(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(telltale, func(part string) bool { return strings.Contains(name, part) })
}

// harmless are the headers of a request that Caddy's own log lines show, besides the
// gateway's. Any other may contain a credential. They are hidden without a search,
// because the cost is paid for each event.
var harmless = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Connection": true, "Content-Encoding": true, "Content-Length": true, "Content-Type": true,
	"Upgrade": true, "User-Agent": true, "Via": true, "X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Forwarded-Proto": true,
}

// unshown stands for the values of a header.
var unshown = []string{redacted}

// logged returns the headers as Caddy's own log lines may show them.
func (r *redactor) logged(h http.Header) http.Header {
	shown := make(http.Header, len(h))
	for name, values := range h {
		if (harmless[name] || strings.HasPrefix(name, headerPrefix)) && !r.headers[name] {
			shown[name] = values
		} else {
			shown[name] = unshown
		}
	}
	return shown
}

// failure returns an error of a transport as Caddy's own log lines may show it. Such an
// error may quote the upstream.
func (r *redactor) failure(err error) error {
	if err == nil {
		return nil
	}
	text := r.text(err.Error())
	if i := strings.Index(text, "malformed "); i >= 0 && len(r.paths) > 0 {
		text = text[:i] + "malformed answer " + redacted
	}
	if text == err.Error() {
		return err
	}
	return &hushed{err, text}
}

// hushed is an error with a redacted text.
type hushed struct {
	error
	text string
}

func (e *hushed) Error() string { return e.text }
func (e *hushed) Unwrap() error { return e.error }

// Timeout and Temporary make it a [net.Error], which reverse_proxy looks for.
func (e *hushed) Timeout() bool {
	var timed net.Error
	return errors.As(e.error, &timed) && timed.Timeout()
}

// Temporary is never asked for.
func (e *hushed) Temporary() bool { return false }

// uri returns a request's URI as people may see it.
func (r *redactor) uri(s string) string {
	path, query, ok := strings.Cut(s, "?")
	if ok {
		path += "?" + hideFields(query, r.query)
	}
	return r.text(path)
}

// hideFields replaces the values of fields in a query or a form. The rest stays as it
// is.
func hideFields(s string, names map[string]bool) string {
	fields := strings.Split(s, "&")
	for i, field := range fields {
		name, _, valued := strings.Cut(field, "=")
		if !valued {
			continue
		}
		plain, err := url.QueryUnescape(name)
		if err != nil || names[plain] || tells(plain) {
			fields[i] = name + "=" + redacted
		}
	}
	return strings.Join(fields, "&")
}

// plain returns a value of the event, which may contain any bytes, as valid text.
func (r *redactor) plain(s string) string { return strings.ToValidUTF8(r.text(s), "\uFFFD") }

// event redacts an event of the live stream.
func (r *redactor) event(e *adminapi.Event) {
	e.EventID, e.EventType, e.Error = r.plain(e.EventID), r.plain(e.EventType), r.answer(e.Error)
	e.Detail, e.Method, e.URI = r.plain(e.Detail), r.plain(e.Method), strings.ToValidUTF8(r.uri(e.URI), "\uFFFD")
}
