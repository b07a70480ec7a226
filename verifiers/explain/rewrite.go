package explain

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// layouts are the ways to write a document's white space.
var layouts = []style{
	{"", func(b []byte) []byte { return b }},
	{"written without white space", compacted},
	{"indented by two spaces", indented("  ")},
	{"indented by four spaces", indented("    ")},
	{"indented by tabs", indented("\t")},
	{"with a space after each comma and colon, as Python writes it", func(b []byte) []byte { return spaced(b, ",:") }},
	{"with a space after each colon", func(b []byte) []byte { return spaced(b, ":") }},
}

// stringStyles are the ways to write the characters of strings.
var stringStyles = []style{
	{"", func(b []byte) []byte { return b }},
	{"with none of its characters escaped that need not be", func(b []byte) []byte { return rewritten(b, escaping{}) }},
	{"with its slashes escaped, as PHP writes it", func(b []byte) []byte { return rewritten(b, escaping{slash: true}) }},
	{"with its other than ASCII characters escaped", func(b []byte) []byte { return rewritten(b, escaping{ascii: true}) }},
	{"with its slashes and its other than ASCII characters escaped, as PHP writes it", func(b []byte) []byte {
		return rewritten(b, escaping{slash: true, ascii: true})
	}},
	{"with its other than ASCII characters escaped in upper case", func(b []byte) []byte { return rewritten(b, escaping{ascii: true, upper: true}) }},
	{"with <, > and & escaped, as Go writes it", func(b []byte) []byte { return rewritten(b, escaping{html: "<>&"}) }},
	{"escaped as .NET writes it", func(b []byte) []byte { return rewritten(b, escaping{html: "<>&'+\"`\x7f", ascii: true, upper: true}) }},
}

// orderNames are those of the orders of keys.
var orderNames = []string{"", "with its keys sorted", "with its keys in the order in which the provider writes them"}

func compacted(b []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return b
	}
	return out.Bytes()
}

// maxIndented limits the depth of a document that is indented: each line grows with it.
const maxIndented = 32

func indented(by string) func([]byte) []byte {
	return func(b []byte) []byte {
		var out bytes.Buffer
		if depthOf(b) > maxIndented || json.Indent(&out, compacted(b), "", by) != nil {
			return b
		}
		return out.Bytes()
	}
}

// depthOf returns the depth of the brackets in a document.
func depthOf(b []byte) (depth int) {
	open := 0
	structure(b, func(c byte) {
		switch c {
		case '{', '[':
			open++
			depth = max(depth, open)
		case '}', ']':
			open--
		}
	})
	return depth
}

// structure visits the bytes of a document that are outside strings. It reports whether
// the document ends within a string.
func structure(b []byte, visit func(byte)) (inside bool) {
	escape := false
	for _, c := range b {
		switch {
		case escape:
			escape = false
		case inside && c == '\\':
			escape = true
		case c == '"':
			inside = !inside
		case !inside:
			visit(c)
		}
	}
	return inside
}

// spaced writes a document with a space after some of its separators.
func spaced(b []byte, separators string) []byte {
	var out []byte
	inside, escape := false, false
	for _, c := range compacted(b) {
		out = append(out, c)
		switch {
		case escape:
			escape = false
		case inside && c == '\\':
			escape = true
		case c == '"':
			inside = !inside
		case !inside && bytes.IndexByte([]byte(separators), c) >= 0:
			out = append(out, ' ')
		}
	}
	return out
}

// escaping says which characters of a string are escaped besides those that have to be.
type escaping struct {
	slash bool
	ascii bool   // all characters beyond ASCII
	upper bool   // with the digits A to F
	html  string // these as \u00xx
}

// rewritten writes the strings of a document anew. Numbers, white space and the order of
// keys stay.
func rewritten(b []byte, e escaping) []byte {
	var out []byte
	for i := 0; i < len(b); {
		if b[i] != '"' {
			out = append(out, b[i])
			i++
			continue
		}
		end := stringEnd(b, i)
		if end < 0 || !utf8.Valid(b[i:end]) {
			return b
		}
		out = e.quote(out, gjson.ParseBytes(b[i:end]).Str)
		i = end
	}
	return out
}

// quote appends a string of JSON.
func (e escaping) quote(out []byte, text string) []byte {
	out = append(out, '"')
	for _, c := range text {
		switch {
		case c < 0x80 && bytes.IndexByte([]byte(e.html), byte(c)) >= 0:
			out = e.unit(out, c)
		case c == '"' || c == '\\' || c == '/' && e.slash:
			out = append(out, '\\', byte(c))
		case c < ' ':
			if i := bytes.IndexByte([]byte("\b\f\n\r\t"), byte(c)); i >= 0 {
				out = append(out, '\\', "bfnrt"[i])
			} else {
				out = e.unit(out, c)
			}
		case c < 0x80 || !e.ascii && !(e.html != "" && (c == 0x2028 || c == 0x2029)):
			out = utf8.AppendRune(out, c)
		case c > 0xffff:
			out = e.unit(out, 0xd800+(c-0x10000)>>10)
			out = e.unit(out, 0xdc00+(c-0x10000)&0x3ff)
		default:
			out = e.unit(out, c)
		}
	}
	return append(out, '"')
}

func (e escaping) unit(out []byte, u rune) []byte {
	digits := "0123456789abcdef"
	if e.upper {
		digits = "0123456789ABCDEF"
	}
	return append(out, '\\', 'u', digits[u>>12&15], digits[u>>8&15], digits[u>>4&15], digits[u&15])
}

// stringEnd returns the index after the string that begins at start, or -1.
func stringEnd(b []byte, start int) int {
	for i := start + 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// sorted writes a document without white space and with its keys sorted, and its
// numbers as they were. It returns nil if that is the document itself.
func sorted(b []byte) []byte { return orderedBy(b, nil) }

// ordered writes a document with its keys in the order of a sample, and the others after
// them. It returns nil if there is no sample.
func ordered(b []byte, sample string) []byte {
	rank := make(map[string]int)
	for i, n := 0, 0; i < len(sample); {
		if sample[i] != '"' {
			i++
			continue
		}
		end := stringEnd([]byte(sample), i)
		if end < 0 {
			break
		}
		if key := gjson.Parse(sample[i:end]).Str; end < len(sample) && sample[end] == ':' {
			if _, known := rank[key]; !known {
				n++
				rank[key] = n
			}
		}
		i = end
	}
	if len(rank) == 0 {
		return nil
	}
	return orderedBy(b, rank)
}

func orderedBy(b []byte, rank map[string]int) []byte {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	if !utf8.Valid(b) || decoder.Decode(&value) != nil {
		return nil
	}
	return writeValue(nil, value, rank)
}

// writeValue appends a value, with the keys of objects by rank and then by name.
func writeValue(out []byte, value any, rank map[string]int) []byte {
	switch v := value.(type) {
	case map[string]any:
		keys := slices.Collect(maps.Keys(v))
		slices.SortFunc(keys, func(a, b string) int {
			ra, rb := rank[a], rank[b]
			switch {
			case ra != rb && ra != 0 && rb != 0:
				return ra - rb
			case (ra == 0) != (rb == 0):
				return rb - ra // the known one first
			case a < b:
				return -1
			}
			return 1
		})
		out = append(out, '{')
		for i, key := range keys {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(escaping{}.quote(out, key), ':')
			out = writeValue(out, v[key], rank)
		}
		return append(out, '}')
	case []any:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = writeValue(out, item, rank)
		}
		return append(out, ']')
	case string:
		return escaping{}.quote(out, v)
	case json.Number:
		return append(out, v...)
	case bool:
		return strconv.AppendBool(out, v)
	}
	return append(out, "null"...)
}
