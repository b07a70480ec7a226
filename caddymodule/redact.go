package caddymodule

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

// redacted stands in place of what people are not to see.
const redacted = "[redacted]"

// always are the headers that are never shown.
var always = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"}

// telltale are parts of header names behind which there is likely a credential,
// whatever the provider: what a scheme in code reads, a row may not say.
var telltale = []string{"signature", "token", "secret", "password", "api-key", "apikey", "hmac"}

// redactor takes out of a request what people are not to see: an endpoint's
// secrets wherever they turn up, the places where credentials stand, and what the
// configuration names. It never changes what is stored or forwarded.
type redactor struct {
	headers map[string]bool // canonical names
	query   map[string]bool
	form    map[string]bool
	paths   [][]string // into JSON bodies
	secrets []string   // in all the ways in which they may be written
}

// hideHeader adds a header.
func (r *redactor) hideHeader(name string) { r.headers[http.CanonicalHeaderKey(name)] = true }

// hideJSON adds a path into JSON bodies.
func (r *redactor) hideJSON(path string) { r.paths = append(r.paths, splitPath(path)) }

// hideSecret adds a text that is hidden wherever it stands.
func (r *redactor) hideSecret(secret string) {
	secret = strings.TrimSpace(secret)
	if secret == "" {
		return
	}
	quoted, _ := json.Marshal(secret) // a string can always be
	for _, written := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`)} {
		if !slices.Contains(r.secrets, written) {
			r.secrets = append(r.secrets, written)
		}
	}
	// The longest first: of one that contains another nothing may be left.
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
}

// newRedactor knows what is never shown, and where a scheme's credentials stand.
func newRedactor(scheme verifiers.Scheme) *redactor {
	r := &redactor{headers: make(map[string]bool), query: make(map[string]bool), form: make(map[string]bool)}
	for _, name := range always {
		r.hideHeader(name)
	}
	for _, p := range verifiers.Credentials(scheme) {
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
		shown[name] = values
	}
	return shown
}

func (r *redactor) hides(header string) bool {
	if r.headers[http.CanonicalHeaderKey(header)] {
		return true
	}
	name := strings.ToLower(header)
	return slices.ContainsFunc(telltale, func(part string) bool { return strings.Contains(name, part) })
}

// uri returns a request's URI as people may see it.
func (r *redactor) uri(s string) string {
	path, query, ok := strings.Cut(s, "?")
	if ok {
		path += "?" + hideFields(query, r.query)
	}
	return r.text(path)
}

// hideFields replaces the values of fields in a query or a form. What else is in
// it stays as it is.
func hideFields(s string, names map[string]bool) string {
	if len(names) == 0 {
		return s
	}
	fields := strings.Split(s, "&")
	for i, field := range fields {
		name, _, _ := strings.Cut(field, "=")
		plain, err := url.QueryUnescape(name)
		if err == nil && names[plain] {
			fields[i] = name + "=" + redacted
		}
	}
	return strings.Join(fields, "&")
}

// text hides the secrets in any text.
func (r *redactor) text(s string) string {
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	return s
}

// body returns a body as people may see it: itself where nothing is to be hidden.
func (r *redactor) body(b []byte) []byte {
	b = r.json(b)
	if len(r.form) > 0 && !looksLikeJSON(b) && utf8.Valid(b) {
		b = []byte(hideFields(string(b), r.form))
	}
	for _, secret := range r.secrets {
		if bytes.Contains(b, []byte(secret)) {
			b = bytes.ReplaceAll(b, []byte(secret), []byte(redacted))
		}
	}
	return b
}

// answer returns a piece of an upstream's answer, or of an error that quotes it.
func (r *redactor) answer(s string) string {
	if i := strings.IndexAny(s, "{["); i >= 0 && len(r.paths) > 0 {
		s = s[:i] + string(r.json([]byte(s[i:])))
	}
	return strings.ToValidUTF8(r.text(s), "\uFFFD")
}

// looksLikeJSON: also behind a byte order mark, which many a receiver takes.
func looksLikeJSON(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\uFEFF")), " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

// json hides values in a JSON document and leaves all else byte for byte. In a
// document that is broken nothing can be found for sure, so none of it is shown.
func (r *redactor) json(b []byte) []byte {
	if len(r.paths) == 0 || !looksLikeJSON(b) {
		return b
	}
	// gjson's own check recurses, and a body of brackets would end the process.
	if !verifiers.ValidJSON(b) {
		return []byte(redacted)
	}
	var found []stretch
	for _, path := range r.paths {
		found = findJSON(gjson.ParseBytes(b), path, found)
	}
	if len(found) == 0 {
		return b
	}
	slices.SortFunc(found, func(a, b stretch) int { return a.start - b.start })
	var out []byte
	last := 0
	for _, s := range found {
		if s.start < last { // within one that is hidden already
			continue
		}
		out = append(append(out, b[last:s.start]...), `"`+redacted+`"`...)
		last = s.end
	}
	return append(out, b[last:]...)
}
