package providers

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

// Some providers sign JSON that they, or their library, write anew. This file
// writes it as JavaScript and PHP do. It takes text that is known to be valid.

// Limits on a document that has to be sorted before it is known who sent it: its
// depth, its members and items in all, and its bytes. The providers that sign so
// send some dozens of values.
const (
	maxNesting = 32
	maxValues  = 1000
	maxSorted  = 256 << 10
)

// growSorted asks for the memory to sort a request's document so many times.
func growSorted(r *verifiers.Request, times int) error {
	if len(r.Body) > maxSorted {
		return verifiers.Refuse(verifiers.BodyTooLarge, "JSON that has to be sorted may have %d bytes", maxSorted)
	}
	values := min(bytes.Count(r.Body, []byte(","))+1, maxValues)
	return grow(r, times*(9*len(r.Body)+64*values))
}

func errTooManyValues() error {
	return verifiers.Refuse(verifiers.MalformedBody, "it has more than %d values", maxValues)
}

// minifiedJSON leaves out the white space between tokens.
func minifiedJSON(text string) string {
	return rewrittenJSON(text, func(b []byte, raw string) []byte { return append(b, raw...) })
}

// phpJSON writes JSON with the escapes of PHP's json_encode: the slash and all that
// is not ASCII.
func phpJSON(text string) string {
	return rewrittenJSON(text, func(b []byte, raw string) []byte {
		b = append(b, '"')
		for text := verifiers.JSONText(gjson.Parse(raw)); text != ""; {
			if half, ok := halfPair(text); ok {
				b = fmt.Appendf(b, `\u%04x`, half)
				text = text[3:]
				continue
			}
			c, size := utf8.DecodeRuneInString(text)
			text = text[size:]
			switch {
			case c == '/':
				b = append(b, `\/`...)
			case c < utf8.RuneSelf:
				b = appendPlain(b, byte(c))
			default:
				var units [2]uint16
				for _, unit := range utf16.AppendRune(units[:0], c) {
					const digits = "0123456789abcdef"
					b = append(b, '\\', 'u', digits[unit>>12], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
				}
			}
		}
		return append(b, '"')
	})
}

// rewrittenJSON leaves out white space and has each string, with its quotes,
// written by str.
func rewrittenJSON(text string, str func(b []byte, raw string) []byte) string {
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\r', '\n':
		case '"':
			end := i + 1
			for text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			b = str(b, text[i:end+1])
			i = end
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// appendPlain writes a character of ASCII as all JSON writers do.
func appendPlain(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	if c < ' ' {
		const digits = "0123456789abcdef"
		return append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
	return append(b, c)
}

// halfPair returns the surrogate that a text begins with, as [verifiers.JSONText]
// writes one without its other half.
func halfPair(text string) (unit int, ok bool) {
	if len(text) < 3 || text[0] != 0xED || text[1] < 0xA0 {
		return 0, false
	}
	return 0xD000 | int(text[1]&0x3F)<<6 | int(text[2]&0x3F), true
}

// jsStringSize is how long a string is that JSON.stringify writes.
func jsStringSize(s []byte) int {
	size := 2
	var plain [6]byte
	for _, c := range s {
		size++
		if c < ' ' || c == '"' || c == '\\' {
			size += len(appendPlain(plain[:0], c)) - 1
		}
	}
	return size
}

// appendJSBytes is appendJSString for bytes.
func appendJSBytes(b, s []byte) []byte {
	b = append(b, '"')
	for _, c := range s {
		if c < utf8.RuneSelf {
			b = appendPlain(b, c)
		} else {
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// appendJSString writes a string as JSON.stringify does.
func appendJSString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		half, isHalf := halfPair(s[i:])
		switch {
		case isHalf:
			b = fmt.Appendf(b, `\u%04x`, half)
			i += 2
		case s[i] < utf8.RuneSelf:
			b = appendPlain(b, s[i])
		default:
			b = append(b, s[i])
		}
	}
	return append(b, '"')
}

// jsNumber writes a number as JSON.stringify does, which has only doubles.
func jsNumber(raw string) string {
	f, err := strconv.ParseFloat(raw, 64)
	switch {
	case err != nil: // beyond the range: infinite, which JSON has no word for
		return "null"
	case f == 0:
		return "0"
	case f > -1e21 && f < 1e21 && (f >= 1e-6 || f <= -1e-6):
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
}

// jsWriter writes a document as JSON.stringify does after its members were sorted.
type jsWriter struct {
	deep    bool // sorts at every level, not only the first
	indexed bool // makes arrays objects with their indices for names

	b      []byte
	values int // written so far
}

// sorted returns the document. It fails where a reader's choice would decide the
// text: on a name that is there twice, and on the one that JavaScript keeps
// for itself.
func (w jsWriter) sorted(document string) (string, error) {
	w.b = make([]byte, 0, len(document))
	if err := w.value(gjson.Parse(document), 0); err != nil {
		return "", err
	}
	return string(w.b), nil
}

func (w *jsWriter) value(v gjson.Result, depth int) error {
	w.values++
	switch {
	case w.values > maxValues:
		return errTooManyValues()
	case depth > maxNesting:
		return verifiers.Refuse(verifiers.MalformedBody, "it is nested deeper than %d levels", maxNesting)
	case v.IsObject():
		return w.object(v.Raw, depth)
	case v.IsArray():
		return w.array(v.Raw, depth)
	case v.Type == gjson.String:
		w.b = appendJSString(w.b, verifiers.JSONText(v))
	case v.Type == gjson.Number:
		w.b = append(w.b, jsNumber(v.Raw)...)
	default:
		w.b = append(w.b, v.Raw...)
	}
	return nil
}

func (w *jsWriter) array(text string, depth int) error {
	brackets, i := "[]", 0
	if w.indexed {
		brackets = "{}"
	}
	w.b = append(w.b, brackets[0])
	var err error
	verifiers.Members(text, func(_, item string) bool {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if w.indexed {
			w.b = append(strconv.AppendInt(append(w.b, '"'), int64(i), 10), `":`...)
		}
		i++
		err = w.value(gjson.Parse(item), depth+1)
		return err == nil
	})
	w.b = append(w.b, brackets[1])
	return err
}

func (w *jsWriter) object(text string, depth int) error {
	type member struct{ name, value string }
	var all []member
	verifiers.Members(text, func(quoted, value string) bool {
		all = append(all, member{verifiers.JSONText(gjson.Parse(quoted)), value})
		return w.values+len(all) <= maxValues
	})
	if w.values+len(all) > maxValues {
		return errTooManyValues()
	}
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.name
	}
	slices.Sort(names)
	if slices.Contains(names, "__proto__") || len(slices.Compact(names)) < len(all) {
		return verifiers.Refuse(verifiers.MalformedBody, "a member is there more than once")
	}
	byName := depth == 0 || w.deep
	slices.SortStableFunc(all, func(a, b member) int { return compareJSNames(a.name, b.name, byName) })
	w.b = append(w.b, '{')
	for i, m := range all {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(appendJSString(w.b, m.name), ':')
		if err := w.value(gjson.Parse(m.value), depth+1); err != nil {
			return err
		}
	}
	w.b = append(w.b, '}')
	return nil
}

// compareJSNames orders the members of an object in JavaScript: indices first, by
// size, and then the others, which were sorted before or stay as they are.
func compareJSNames(a, b string, byName bool) int {
	i, aIsIndex := jsIndex(a)
	j, bIsIndex := jsIndex(b)
	switch {
	case aIsIndex && bIsIndex:
		return cmp.Compare(i, j)
	case aIsIndex:
		return -1
	case bIsIndex:
		return 1
	case byName:
		return compareUTF16(a, b)
	}
	return 0
}

// compareUTF16 compares as JavaScript does, by units of UTF-16: characters beyond
// U+FFFF come before some that are within.
func compareUTF16(a, b string) int {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if x != y {
			high, _ := utf16.EncodeRune(x)
			low, _ := utf16.EncodeRune(y)
			return cmp.Or(cmp.Compare(unitOf(x, high), unitOf(y, low)), cmp.Compare(x, y))
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}

// unitOf returns the first unit of a character whose first surrogate is given.
func unitOf(c, surrogate rune) rune {
	if c > 0xffff {
		return surrogate
	}
	return c
}

// jsIndex reads a name that is an array's index to JavaScript.
func jsIndex(name string) (uint64, bool) {
	if name == "" || name[0] < '0' || name[0] > '9' {
		return 0, false // most names
	}
	n, err := strconv.ParseUint(name, 10, 32)
	return n, err == nil && n < 1<<32-1 && strconv.FormatUint(n, 10) == name
}
