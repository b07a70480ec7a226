package caddymodule

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// unreadable stands for a body to which `redact json` cannot be applied. None of such a
// body is shown.
const unreadable = "[hidden: cannot be read as JSON]"

// shortestQuoted is the least length of a redacted value that is hidden in an answer
// that quotes it. Shorter values, such as true, are found in any text.
const shortestQuoted = 4

// body returns a body as people may see it, or the body itself if nothing is hidden.
// Paths are looked up in JSON and in the fields of forms, and in JSON within either.
func (r *redactor) body(b []byte, header http.Header) []byte {
	switch {
	case len(r.paths) > 0:
		b = r.document(b, header)
	case len(r.form) > 0 && !looksLikeJSON(b) && utf8.Valid(b):
		b = []byte(hideFields(string(b), r.form))
	}
	return r.bytes(b)
}

// document hides the values of the paths in a body of JSON or a form. Any other body is
// hidden whole.
func (r *redactor) document(b []byte, header http.Header) []byte {
	if len(b) == 0 {
		return b
	}
	if shown, ok := r.json(b); ok {
		return shown
	}
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	packed := header.Get("Content-Encoding")
	if kind == "application/x-www-form-urlencoded" && (packed == "" || strings.EqualFold(packed, "identity")) {
		if shown, ok := r.fields(string(b)); ok {
			return []byte(shown)
		}
	}
	return []byte(unreadable)
}

// json hides values in a JSON document and leaves the rest byte for byte. It is not ok
// if the document is broken, because a value could be missed.
func (r *redactor) json(b []byte) (shown []byte, ok bool) {
	// The check does not recurse, and bounds how deep a document may be.
	if !verifiers.ValidJSON(b) {
		return nil, false
	}
	found := r.find(b, r.paths, 0)
	if len(found) == 0 {
		return b, true
	}
	var out []byte
	last := 0
	for _, s := range found {
		out = append(append(out, b[last:s.start]...), s.instead...)
		last = s.end
	}
	return append(out, b[last:]...), true
}

// fields hides values in a form. Both & and ; end a field, because some receivers take
// either. It is not ok if a field cannot be decoded.
func (r *redactor) fields(s string) (shown string, ok bool) {
	var out strings.Builder
	for s != "" {
		field, between := s, ""
		if i := strings.IndexAny(s, "&;"); i >= 0 {
			field, between = s[:i], s[i:i+1]
		}
		s = s[len(field)+len(between):]
		name, value, valued := strings.Cut(field, "=")
		plain, err := url.QueryUnescape(name)
		text, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil || !utf8.ValidString(text) {
			return "", false
		}
		hide, rest := r.under(plain)
		if instead, changed := r.within(text, rest, 0); changed {
			value = url.QueryEscape(instead)
		}
		if valued && (hide || r.form[plain] || tells(plain)) {
			value = redacted
		}
		out.WriteString(name)
		if valued {
			out.WriteString("=" + value)
		}
		out.WriteString(between)
	}
	return out.String(), true
}

// maxParts limits the parts in the name of a form's field. A field with more is hidden.
const maxParts = 32

// under looks for a field of a form, such as cards[0][number], in the paths. It returns
// whether the field is hidden, and otherwise the rest of the paths within its value.
func (r *redactor) under(field string) (hide bool, rest [][]string) {
	parts := strings.FieldsFunc(field, func(c rune) bool { return c == '[' || c == ']' || c == '.' })
	if len(parts) > maxParts {
		return true, nil
	}
	paths := r.paths
	for _, part := range parts {
		for _, p := range paths { // cards[][number] names no element
			if len(p) > 0 && p[0] == "#" {
				paths = append(paths[:len(paths):len(paths)], p[1:])
			}
		}
		paths = append(inMember(paths, part), inElements(paths, part)...)
	}
	for _, p := range paths {
		if len(p) == 0 {
			return true, nil
		}
	}
	return false, paths
}

// inElements returns the paths within an element of a list. The field of a form gives
// the number of the element.
func inElements(paths [][]string, number string) (rest [][]string) {
	if number == "" || strings.Trim(number, "0123456789") != "" {
		return nil
	}
	for _, p := range paths {
		if len(p) > 0 && p[0] != number && p[0] != "*" {
			if p[0] == "#" {
				p = p[1:]
			}
			rest = append(rest, p)
		}
	}
	return rest
}

// answer returns a piece of an upstream's answer, or of an error that quotes it.
func (r *redactor) answer(s string) string {
	if len(r.paths) > 0 {
		s = r.piece(s)
	}
	return strings.ToValidUTF8(r.text(s), "\uFFFD")
}

// piece hides the values of the paths in an answer that may be cut off. Text before a
// document is shown. A document that is broken or of another kind is hidden.
func (r *redactor) piece(s string) string {
	lower := strings.ToLower(s)
	for _, sign := range []string{"%7b", "%5b", "&quot;", "&#34;", "\\u007b"} { // JSON in another dress
		if strings.Contains(lower, sign) {
			return unreadable
		}
	}
	i := strings.IndexFunc(s, func(c rune) bool { return c == '{' || c == '<' })
	for j, c := range s {
		if c == '[' && (i < 0 || j < i) && startsJSON(s[j:]) {
			i = j
			break
		}
	}
	switch {
	case i < 0 && strings.Contains(s, "=") && !strings.ContainsAny(strings.TrimSpace(s), " \r\n\t"):
		if shown, ok := r.fields(strings.TrimSpace(s)); ok {
			return shown
		}
		return unreadable
	case i < 0:
		return s
	case s[i] == '<':
		return s[:i] + redacted
	}
	if shown, ok := r.json([]byte(s[i:])); ok {
		return s[:i] + string(shown)
	}
	return s[:i] + redacted
}

// quoting returns a redactor for answers to a message. It hides the redacted values of
// the message also where an answer quotes them as plain text.
func (r *redactor) quoting(m *queue.Message) *redactor {
	if m == nil || len(r.paths) == 0 || !verifiers.ValidJSON(m.Body) {
		return r
	}
	with := *r
	with.secrets = slices.Clone(r.secrets)
	known := make(map[string]bool)
	looking := *r
	looking.seen = func(value []byte) {
		var v any
		numbers := json.NewDecoder(bytes.NewReader(value))
		numbers.UseNumber()
		if numbers.Decode(&v) != nil {
			return
		}
		for _, text := range texts(v) {
			if len(text) >= shortestQuoted && len(text) <= queue.MaxExcerpt && !known[text] {
				known[text] = true
				with.hideSecret(text)
			}
		}
	}
	looking.find(m.Body, r.paths, 0)
	return &with
}

// texts are the strings and the numbers in a JSON value. The depth of a valid document
// is bounded.
func texts(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case []any:
		for _, element := range v {
			all = append(all, texts(element)...)
		}
	case map[string]any:
		for _, member := range v {
			all = append(all, texts(member)...)
		}
	}
	return all
}

// looksLikeJSON: also behind a byte order mark, which many a receiver takes.
func looksLikeJSON(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\uFEFF")), " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}
