package verifiers

import (
	"fmt"
	"strings"
)

// This file keeps different events different: IDs of several parts.

// identity is [Template.in] for a text that identifies an event. If the template has
// several tokens, the text of each but the last is escaped: "%" and the byte that
// starts the following literal become %XX. A token that ends where the next one starts,
// or before a literal "%", is followed by "%,", which no escaped text contains. A token
// alone is escaped like its alternatives, so that it cannot look like one of several
// parts.
func (p *place) identity(in *reading) (string, bool) {
	last, n := p.lastToken()
	if !p.identifies || n < 2 && (n == 0 || p.ends == "") {
		return p.in(in)
	}
	var text strings.Builder
	for i := range p.parts {
		part := &p.parts[i]
		if part.kind == nil {
			text.WriteString(part.literal)
			continue
		}
		value, ok := part.kind.read(in, part.arg)
		switch {
		case !ok:
			return "", false
		case len(value) > maxFact: // and so would all of it be
			return value, true
		case n == 1:
			writeEscaped(&text, value, p.ends)
		case i == last:
			text.WriteString(value)
		default:
			end := p.endOf(i)
			writeEscaped(&text, value, end)
			if end == "%" {
				text.WriteString("%,")
			}
		}
	}
	return text.String(), true
}

// lastToken returns the index of the last token, and how many there are.
func (t *Template) lastToken() (last, n int) {
	last = -1
	for i, p := range t.parts {
		if p.kind != nil {
			last = i
			n++
		}
	}
	return last, n
}

// endOf returns the byte that ends a token which another one follows.
func (t *Template) endOf(i int) string {
	if literal := t.parts[i+1].literal; literal != "" {
		return literal[:1]
	}
	return "%"
}

// alternatives marks the places of an ID, and gives each one the bytes that end the
// tokens of the others.
func alternatives(places []place) {
	ends := ""
	for _, p := range places {
		last, _ := p.lastToken()
		for i := range last {
			if p.parts[i].kind != nil {
				ends += p.endOf(i)
			}
		}
	}
	for i := range places {
		places[i].identifies, places[i].ends = true, ends
	}
}

// writeEscaped writes a text without the bytes that end it.
func writeEscaped(w *strings.Builder, text, ends string) {
	for _, c := range []byte(text) {
		if c == '%' || strings.IndexByte(ends, c) >= 0 {
			fmt.Fprintf(w, "%%%02X", c)
			continue
		}
		w.WriteByte(c)
	}
}
