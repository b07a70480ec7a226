package verifiers

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// validJSON reports whether text is one JSON value (RFC 8259).
//
// The libraries that read one field of a document also accept broken documents. The
// verdict on such an event would differ from the receiver's, so the document is checked
// first. Like most parsers, validJSON does not insist on valid UTF-8 inside strings.
//
// [encoding/json.Valid] gives the same verdicts with two differences: it takes five times
// as long (see BenchmarkValidJSON), and it accepts 10,000 levels of nesting (see
// maxDepth).
func validJSON(text string) bool {
	r := newJSONReader(text)
	end := r.value(skipSpace(r.b, 0), 0)
	return skipSpace(r.b, end) == uint(len(r.b))
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// Members visits the members of a JSON object or the items of an array, each as it is
// spelled: the name in its quotes, or "", and the value without space around it. The
// text has to be valid. Nothing is copied, and no value is parsed.
func Members(text string, visit func(quoted, value string) bool) {
	r := newJSONReader(text)
	b, n := r.b, uint(len(r.b))
	i := skipSpace(b, 0)
	if i >= n || b[i] != '{' && b[i] != '[' {
		return
	}
	isObject := b[i] == '{'
	for i = skipSpace(b, i+1); i < n && b[i] != '}' && b[i] != ']'; {
		quoted := ""
		if isObject {
			end := r.stringEnd(i + 1)
			if b[i] != '"' || end > n {
				return
			}
			quoted = text[i:end]
			if i = skipSpace(b, end); i >= n || b[i] != ':' {
				return
			}
			i = skipSpace(b, i+1)
		}
		end := r.value(i, 0)
		if end > n || !visit(quoted, text[i:end]) {
			return
		}
		if i = skipSpace(b, end); i < n && b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
}

// jsonString returns a JSON string unescaped; see appendUnescaped.
func jsonString(r gjson.Result) string {
	if !strings.Contains(r.Str, "\uFFFD") || !strings.Contains(r.Raw, `\u`) {
		return r.Str
	}
	return stringOf(appendUnescaped(nil, strings.TrimSuffix(strings.TrimPrefix(r.Raw, `"`), `"`)))
}

// appendUnescaped appends what stands between the quotes of a valid string, unescaped. A
// surrogate without its other half is encoded like any other code point, in three bytes:
// the usual replacement by U+FFFD would make different strings equal, signed ones among
// them.
func appendUnescaped(b []byte, inner string) []byte {
	for inner != "" {
		plain := strings.IndexByte(inner, '\\')
		if plain < 0 || plain+1 == len(inner) {
			plain = len(inner)
		}
		if b, inner = append(b, inner[:plain]...), inner[plain:]; inner == "" {
			break
		}
		if len(inner) < 6 || inner[1] != 'u' {
			c := inner[1]
			if i := strings.IndexByte("bfnrt", c); i >= 0 {
				c = "\b\f\n\r\t"[i]
			}
			b, inner = append(b, c), inner[2:]
			continue
		}
		unit := escapedUnit(inner)
		inner = inner[6:]
		if pair := utf16.DecodeRune(unit, escapedUnit(inner)); pair != utf8.RuneError {
			unit, inner = pair, inner[6:]
		}
		if utf16.IsSurrogate(unit) {
			b = append(b, 0xE0|byte(unit>>12), 0x80|byte(unit>>6)&0x3F, 0x80|byte(unit)&0x3F)
			continue
		}
		b = utf8.AppendRune(b, unit)
	}
	return b
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

// CutPath returns the first name of a JSON path without its backslashes, and the path
// after it. The separators are those of gjson: a dot and a bar.
func CutPath(path string) (name, rest string, more bool) {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path):
			i++
			b.WriteByte(path[i])
		case c == '.' || c == '|':
			return b.String(), path[i+1:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", false
}
