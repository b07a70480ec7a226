package verifiers

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// This file keeps different facts different: those of several parts, and those
// whose text is not Unicode.

// identity is [Template.in] for a text that has to tell events apart. Where the
// template has several tokens, the text of each but the last is escaped: "%" and
// the byte that starts the following literal become %XX. A token that ends where
// the next one starts, or before a literal "%", is followed by "%,", which no
// escaped text contains. A token alone is escaped as its alternatives are, so that
// it cannot look like one of several parts.
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

// alternatives marks the places of an ID, and tells each one how the others end
// their tokens.
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

// jsonText returns a JSON string unescaped. A surrogate without its other half
// is encoded like any other code point, in three bytes: the usual replacement by
// U+FFFD would make different strings equal, signed ones among them.
func jsonText(r gjson.Result) string {
	if !strings.Contains(r.Str, "\uFFFD") || !strings.Contains(r.Raw, `\u`) {
		return r.Str
	}
	b := make([]byte, 0, len(r.Raw))
	for raw := strings.TrimSuffix(strings.TrimPrefix(r.Raw, `"`), `"`); raw != ""; {
		plain := strings.IndexByte(raw, '\\')
		if plain < 0 || plain+1 == len(raw) {
			plain = len(raw)
		}
		if b, raw = append(b, raw[:plain]...), raw[plain:]; raw == "" {
			break
		}
		if len(raw) < 6 || raw[1] != 'u' {
			c := raw[1]
			if i := strings.IndexByte("bfnrt", c); i >= 0 {
				c = "\b\f\n\r\t"[i]
			}
			b, raw = append(b, c), raw[2:]
			continue
		}
		unit := escapedUnit(raw)
		raw = raw[6:]
		if pair := utf16.DecodeRune(unit, escapedUnit(raw)); pair != utf8.RuneError {
			unit, raw = pair, raw[6:]
		}
		if utf16.IsSurrogate(unit) {
			b = append(b, 0xE0|byte(unit>>12), 0x80|byte(unit>>6)&0x3F, 0x80|byte(unit)&0x3F)
			continue
		}
		b = utf8.AppendRune(b, unit)
	}
	return string(b)
}

// escapedUnit returns the UTF-16 unit that a text starts with, such as \u00e9, or
// zero.
func escapedUnit(text string) rune {
	if len(text) < 6 || text[:2] != `\u` {
		return 0
	}
	unit, err := strconv.ParseUint(text[2:6], 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}
