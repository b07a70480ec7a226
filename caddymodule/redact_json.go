package caddymodule

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// stretch is a part of a document, with the text that is shown instead.
type stretch struct {
	start, end int
	instead    string
}

// splitPath splits a JSON path, such as cards.#.number.
func splitPath(path string) (parts []string) {
	for more := true; more; {
		var part string
		part, path, more = verifiers.CutPath(path)
		parts = append(parts, part)
	}
	return parts
}

// inMember returns the paths within a member of an object. Case is ignored, as some
// receivers do. * is any member.
func inMember(paths [][]string, name string) (rest [][]string) {
	for _, p := range paths {
		if len(p) > 0 && (p[0] == "*" || strings.EqualFold(p[0], name)) {
			rest = append(rest, p[1:])
		}
	}
	return rest
}

// inElement returns the paths within an element of a list: # and * are any element, a
// number is one. Other paths go on in every element.
func inElement(paths [][]string, at int) (rest [][]string) {
	for _, p := range paths {
		switch {
		case len(p) == 0:
		case p[0] == "#" || p[0] == "*":
			rest = append(rest, p[1:])
		default:
			n, err := strconv.Atoi(p[0])
			if err != nil {
				rest = append(rest, p)
			} else if n == at {
				rest = append(rest, p[1:])
			}
		}
	}
	return rest
}

// container is an object or a list that a scan is within.
type container struct {
	list  bool
	at    int        // the number of the element
	paths [][]string // from here
	name  bool       // the next string is a member's name
	of    [][]string // from the member whose value is next
}

// find returns the stretches of a valid document that are hidden: the values at the ends
// of paths, and strings that contain a document with such values. Unlike a lookup it
// finds every member of one name, because a reader may take any of them.
//
// It reads the document once, from the left, and keeps the open containers in a list.
// The time is linear in the size, and depth needs no recursion. Level counts the
// strings around the document.
func (r *redactor) find(b []byte, paths [][]string, level int) (found []stretch) {
	var open []container
	hidden, since := -1, 0 // how many containers were open when a hidden value began
	next := func() [][]string {
		if len(open) == 0 {
			return paths
		}
		c := &open[len(open)-1]
		if !c.list {
			return c.of
		}
		c.at++
		return inElement(c.paths, c.at-1)
	}
	end := func(i int) {
		if hidden == len(open) {
			found = append(found, stretch{since, i, `"` + redacted + `"`})
			if r.seen != nil {
				r.seen(b[since:i])
			}
			hidden = -1
		}
	}
	begin := func(i int) [][]string {
		if hidden >= 0 {
			return nil
		}
		within := next()
		for _, p := range within {
			if len(p) == 0 {
				hidden, since = len(open), i
				return nil
			}
		}
		return within
	}
	for i := 0; i < len(b); {
		switch c := b[i]; c {
		case ' ', '\t', '\r', '\n', ':':
			i++
		case ',':
			if n := len(open) - 1; !open[n].list {
				open[n].name = true
			}
			i++
		case '{', '[':
			open = append(open, container{list: c == '[', paths: begin(i), name: c == '{'})
			i++
		case '}', ']':
			open = open[:len(open)-1]
			i++
			end(i)
		case '"':
			stop := endOfString(b, i)
			if n := len(open) - 1; n >= 0 && open[n].name {
				open[n].name = false
				if hidden < 0 {
					open[n].of = nil
					if len(open[n].paths) > 0 {
						open[n].of = inMember(open[n].paths, unquoted(b[i:stop]))
					}
				}
				i = stop
				continue
			}
			within := begin(i)
			if hidden < 0 {
				if instead, changed := r.within(unquoted(b[i:stop]), within, level); changed {
					text, _ := json.Marshal(instead)
					found = append(found, stretch{i, stop, string(text)})
				}
			}
			i = stop
			end(i)
		default:
			begin(i)
			for i < len(b) && !bytes.ContainsRune([]byte(" \t\r\n,:]}"), rune(b[i])) {
				i++
			}
			end(i)
		}
	}
	return found
}

// endOfString returns the index after the closing quote of a string.
func endOfString(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(b))
}

func unquoted(b []byte) string {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return string(b)
	}
	return s
}

// maxWithin limits the levels of documents within strings. A deeper one is hidden.
const maxWithin = 4

// within hides values in a string that is a document itself: JSON, or JSON in base64, in
// the parts of a token, or escaped as in a URL. Paths may begin in it or go on in it. A
// string that looks like a document and cannot be read is hidden whole.
func (r *redactor) within(s string, rest [][]string, level int) (instead string, changed bool) {
	if len(s) < 2 {
		return s, false
	}
	paths := append(rest[:len(rest):len(rest)], r.paths...)
	if startsJSON(s) {
		if level == maxWithin || !verifiers.ValidJSON([]byte(s)) {
			return redacted, true
		}
		found := r.find([]byte(s), paths, level+1)
		var out strings.Builder
		last := 0
		for _, f := range found {
			out.WriteString(s[last:f.start] + f.instead)
			last = f.end
		}
		out.WriteString(s[last:])
		return out.String(), len(found) > 0
	}
	if strings.Contains(s, "%7B") || strings.Contains(s, "%7b") {
		return redacted, true
	}
	for part := range strings.SplitSeq(s, ".") {
		decoded := fromBase64(part)
		switch {
		case bytes.HasPrefix(decoded, []byte("\x1f\x8b")): // packed
			return redacted, true
		case !startsJSON(string(decoded)):
		case level == maxWithin, !verifiers.ValidJSON(decoded), len(r.find(decoded, paths, level+1)) > 0:
			return redacted, true
		}
	}
	return s, false
}

// startsJSON reports whether a string begins like a JSON object, list or string. A text
// such as "[draft] hello" does not.
func startsJSON(s string) bool {
	s = strings.TrimLeft(strings.TrimPrefix(s, "\uFEFF"), " \t\r\n")
	if s == "" {
		return false
	}
	inner := strings.TrimLeft(s[1:], " \t\r\n")
	switch s[0] {
	case '{':
		return inner != "" && (inner[0] == '"' || inner[0] == '}')
	case '[':
		return inner != "" && strings.IndexByte(`{["]-0123456789tfn`, inner[0]) >= 0
	case '"':
		return strings.HasPrefix(inner, "{") || strings.HasPrefix(inner, "[") || strings.HasPrefix(inner, `\"`)
	}
	return false
}

// fromBase64 decodes a text in either alphabet, with padding or without. It returns nil
// for other texts, and for those that are too short for a document.
func fromBase64(s string) []byte {
	if len(s) < 8 {
		return nil
	}
	s = oneAlphabet.Replace(strings.TrimRight(s, "="))
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// oneAlphabet writes base64 in the standard alphabet and on one line.
var oneAlphabet = strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "")
