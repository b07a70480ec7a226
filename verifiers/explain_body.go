package verifiers

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// bodies tries what editors, shells, proxies and frameworks do to a body.
func (x *explainer) bodies() {
	body := x.r.Body
	const anew = " It was parsed on the way here and written anew; the gateway has to get the bytes that were sent."
	tries := []struct {
		body     []byte
		sentence string
	}{
		{bytes.TrimSuffix(body, []byte("\n")), "It verifies without the newline at the end of the body. The signature was made before it was added, as an editor does."},
		{bytes.TrimSuffix(body, []byte("\r\n")), "It verifies without the line end at the end of the body. The signature was made before it was added."},
		{append(slices.Clone(body), '\n'), "It verifies with a newline at the end of the body. It was cut off on the way here."},
		{bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), "It verifies with the body's line ends as LF. They were turned into CRLF on the way here."},
		{bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n")), "It verifies with the body's line ends as CRLF. They were turned into LF on the way here."},
		{bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), "It verifies without the byte order mark at the start of the body."},
		{nil, "It verifies with an empty body. The sender signed nothing of it, or it was read before it was signed."},
	}
	add := func(body []byte, sentence string) {
		tries = append(tries, struct {
			body     []byte
			sentence string
		}{body, sentence})
	}
	if unpacked, err := gunzip(context.Background(), body, x.r.grow); err == nil {
		add(unpacked, "It verifies with the body unpacked. It was compressed after it had been signed.")
	}
	if validJSON(stringOf(body)) {
		for _, style := range jsonStyles {
			add(style.write(body), "It verifies with the body's JSON "+style.name+"."+anew)
		}
	} else if !bytes.ContainsAny(body, "{[\n") && bytes.ContainsRune(body, '=') {
		for _, style := range formStyles {
			add(style.write(body), "It verifies with the form "+style.name+"."+anew)
		}
	}
	for _, try := range tries {
		if !bytes.Equal(try.body, body) {
			r := *x.r
			r.Body = try.body
			x.try(x.scheme, x.secrets, &r, try.sentence)
		}
	}
}

// style is a way in which a library writes what it has parsed.
type style struct {
	name  string
	write func([]byte) []byte
}

var jsonStyles = []style{
	{"written without white space", compacted},
	{"indented by two spaces", indented("  ")},
	{"indented by four spaces", indented("    ")},
	{"indented by tabs", indented("\t")},
	{"with a space after each comma and colon, as Python writes it", spaced},
	{"with its slashes escaped, as PHP writes it", func(b []byte) []byte { return bytes.ReplaceAll(compacted(b), []byte("/"), []byte(`\/`)) }},
	{"with its slashes not escaped", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`\/`), []byte("/")) }},
	{"with its other than ASCII characters escaped", func(b []byte) []byte { return escaped(b) }},
	{"with its other than ASCII characters escaped, and spaced as Python does", func(b []byte) []byte { return escaped(spaced(b)) }},
	{"with none of its characters escaped that need not be", func(b []byte) []byte { return rewritten(b, false) }},
	{"with <, > and & escaped, as Go writes it", func(b []byte) []byte {
		var out bytes.Buffer
		json.HTMLEscape(&out, b)
		return out.Bytes()
	}},
	{"without white space and with its keys sorted", func(b []byte) []byte { return rewritten(b, true) }},
}

var formStyles = []style{
	{"with its spaces written as %20", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("+"), []byte("%20")) }},
	{"with its spaces written as +", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("%20"), []byte("+")) }},
	{"with its fields sorted by name and escaped as Go does", func(b []byte) []byte {
		values, err := url.ParseQuery(string(b))
		if err != nil {
			return b
		}
		return []byte(values.Encode())
	}},
	{"decoded", func(b []byte) []byte {
		text, err := url.QueryUnescape(string(b))
		if err != nil {
			return b
		}
		return []byte(text)
	}},
}

func compacted(b []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return b
	}
	return out.Bytes()
}

func indented(by string) func([]byte) []byte {
	return func(b []byte) []byte {
		var out bytes.Buffer
		if json.Indent(&out, b, "", by) != nil {
			return b
		}
		return out.Bytes()
	}
}

// spaced puts a space after the commas and colons outside strings.
func spaced(b []byte) []byte {
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
		case !inside && (c == ',' || c == ':'):
			out = append(out, ' ')
		}
	}
	return out
}

// escaped writes what is not ASCII as escapes.
func escaped(b []byte) []byte {
	if !utf8.Valid(b) {
		return b
	}
	const digits = "0123456789abcdef"
	var out []byte
	unit := func(u rune) {
		out = append(out, '\\', 'u', digits[u>>12&15], digits[u>>8&15], digits[u>>4&15], digits[u&15])
	}
	for _, c := range string(b) {
		switch {
		case c < 0x80:
			out = append(out, byte(c))
		case c > 0xffff:
			unit(0xd800 + (c-0x10000)>>10)
			unit(0xdc00 + (c-0x10000)&0x3ff)
		default:
			unit(c)
		}
	}
	return out
}

// rewritten writes the document anew, with its numbers as they were. Without
// sorting only strings are, so that the order of keys and the white space stay.
func rewritten(b []byte, sorted bool) []byte {
	if sorted {
		var value any
		decoder := json.NewDecoder(bytes.NewReader(b))
		decoder.UseNumber()
		if decoder.Decode(&value) != nil {
			return b
		}
		return unescaped(value, b)
	}
	var out []byte
	for i := 0; i < len(b); {
		if b[i] != '"' {
			out = append(out, b[i])
			i++
			continue
		}
		end := skipString(b, i+1)
		var text string
		if end < 0 || json.Unmarshal(b[i:end], &text) != nil {
			return b
		}
		out = append(out, unescaped(text, b[i:end])...)
		i = end
	}
	return out
}

// unescaped writes a value without escapes that need not be, or returns other.
func unescaped(value any, other []byte) []byte {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return other
	}
	return []byte(strings.TrimSuffix(out.String(), "\n"))
}
