package verifiers

import (
	"errors"
	"mime"
	"net/url"
	"slices"
	"strings"
	"unsafe"
)

// Limits on forms, queries and multipart bodies. A field that is looked for by
// its name is found in place, in a form of any size. MaxFields holds where all
// fields have to be sorted, which takes an index of them.
const (
	MaxFields = 1000

	maxParts     = 256
	maxMediaType = 1 << 10 // bytes of a Content-Type; longer ones are no form's
)

// isForm reports whether the body is a form. The Content-Type alone does not decide,
// since it is hardly ever signed: an old request with another type would lose its ID
// and pass for a new event. No form starts with a bracket, which it would have to
// escape.
func (in *reading) isForm() bool {
	if in.form == 0 {
		in.form = -1
		if values := in.r.Header["Content-Type"]; len(values) > 0 && isFormType(values[0]) && in.mayBeForm() {
			in.form = 1
		}
	}
	return in.form > 0
}

func isFormType(contentType string) bool {
	if contentType == "application/json" {
		return false // the usual case, without parsing
	}
	if len(contentType) > maxMediaType {
		return false
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	return kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data"
}

// mayBeForm reports whether the body does not look like JSON.
func (in *reading) mayBeForm() bool {
	i := skipSpace(in.r.Body, 0)
	return i == uint(len(in.r.Body)) || in.r.Body[i] != '{' && in.r.Body[i] != '['
}

// formField returns a field of a form. It does not ask for the Content-Type, for
// the reason that is given at isForm, nor does it take a multipart body's
// boundary from there.
func (in *reading) formField(name string) (string, bool) {
	switch {
	case !in.mayBeForm():
		return "", false
	case !in.isMultipart():
		return in.onlyField(in.body, name)
	}
	value, n := "", 0
	for _, p := range in.multipart() {
		if p.key == name {
			if n++; n == 1 {
				value = p.value
			}
		}
	}
	return in.one(value, n)
}

// onlyField returns a field of a urlencoded text, decoded. Only a value with
// escapes is copied.
func (in *reading) onlyField(encoded, name string) (string, bool) {
	raw, n := field(encoded, name)
	if n != 1 {
		return in.one("", n)
	}
	value, ok := in.unescaped(raw)
	return value, ok && value != ""
}

// unescaped decodes a name or a value of a form or a query.
func (in *reading) unescaped(raw string) (string, bool) {
	if !hasEscapes(raw) {
		return raw, true
	}
	if !in.grow(len(raw)) {
		return "", false
	}
	text, err := url.QueryUnescape(raw)
	return text, err == nil
}

func hasEscapes(text string) bool {
	return strings.IndexByte(text, '%') >= 0 || strings.IndexByte(text, '+') >= 0
}

// sortedForm returns the names and values of all fields, sorted by name.
func (in *reading) sortedForm() (string, bool) {
	if !in.mayBeForm() {
		return "", false
	}
	var fields []param
	if in.isMultipart() {
		fields = slices.Clone(in.multipart())
	} else {
		pairs, err := pairsOf(in.body, in.r.grow)
		if err != nil {
			if err != errPairs {
				in.fail(err)
			}
			return "", false
		}
		fields = make([]param, len(pairs))
		for i, p := range pairs {
			fields[i] = param{p.Name, p.Value}
		}
	}
	slices.SortStableFunc(fields, func(a, b param) int { return strings.Compare(a.key, b.key) })
	size := 0
	for _, f := range fields {
		size += len(f.key) + len(f.value)
	}
	if !in.grow(size) {
		return "", false
	}
	var text strings.Builder
	text.Grow(size)
	for _, f := range fields {
		text.WriteString(f.key)
		text.WriteString(f.value)
	}
	return text.String(), true
}

// isMultipart reports whether the body starts with a boundary. In an urlencoded
// form that would be a field's name with a line end in it.
func (in *reading) isMultipart() bool {
	return strings.HasPrefix(in.body, "--") && strings.IndexByte(in.body, '\n') >= 0
}

// multipart returns the fields of a multipart body; files are none. A body that
// is malformed has no fields.
func (in *reading) multipart() []param {
	if in.parts == nil {
		fields := multipartFields(in.body)
		in.parts = &fields
	}
	return *in.parts
}

// field finds name in a urlencoded text and counts its occurrences, up to two. It also
// counts as other readers do: some split at a semicolon, some keep a malformed escape,
// and PHP changes names. The value is returned as it is spelled.
//
// It passes over the text once and copies nothing, because the text is a stranger's.
func field(encoded, name string) (raw string, n int) {
	for rest, more := encoded, true; more && n < 2; {
		var pair string
		pair, rest, more = strings.Cut(rest, "&")
		if len(pair) < len(name) {
			continue // escapes only make it longer
		}
		key, value, _ := strings.Cut(pair, "=")
		if is, alike := isName(key, name); alike {
			if is {
				raw = value
			}
			n++
		}
		first, others, parted := strings.Cut(pair, ";")
		if parted && len(first) < len(key) { // without a value, to who parts there
			n += countAlike(first, name)
		}
		for parted && n < 2 {
			var part string
			part, others, parted = strings.Cut(others, ";")
			n += countAlike(part, name)
		}
	}
	return raw, min(n, 2)
}

// countAlike returns 1 if some reader takes a pair's name for the name, else 0.
func countAlike(pair, name string) int {
	key, _, _ := strings.Cut(pair, "=")
	if _, alike := isName(key, name); alike {
		return 1
	}
	return 0
}

// isName reports whether a pair's key is a name, and whether PHP would read it as that
// name. PHP strips space before a key, ends it at a null byte, and writes an underscore
// for a dot or a space in it. A key that cannot be decoded is neither.
func isName(key, name string) (is, alike bool) {
	switch {
	case key == name:
		return true, true
	case len(key) < len(name): // escapes only make it longer
		return false, false
	}
	is, alike = true, true
	exact, php := 0, 0 // how much of the name has been met
	begun, ended := false, false
	for i := 0; i < len(key); i++ {
		c := key[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(key) || !isHex(key[i+1]) || !isHex(key[i+2]) {
				return false, false
			}
			c = unhex(key[i+1])<<4 | unhex(key[i+2])
			i += 2
		}
		if is = is && exact < len(name) && name[exact] == c; is {
			exact++
		}
		switch {
		case ended || c == ' ' && !begun:
		case c == 0:
			ended = true
		default:
			begun = true
			if alike = alike && php < len(name) && phpChar(name[php]) == phpChar(c); alike {
				php++
			}
		}
		if !is && !alike {
			return false, false
		}
	}
	is, alike = is && exact == len(name), alike && php == len(name)
	return is, is || alike
}

// phpChar returns the character that PHP puts into a name for this one.
func phpChar(c byte) byte {
	if c == '.' || c == ' ' {
		return '_'
	}
	return c
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// Pair is a name and a value, decoded.
type Pair struct{ Name, Value string }

// FormOf returns the fields of an urlencoded body, in their order. It ignores the
// Content-Type, which is hardly ever signed. A body that another reader might not take
// for a form is a [MalformedBody], and so is one with more than [MaxFields] fields.
func FormOf(r *Request) ([]Pair, error) {
	if i := skipSpace(r.Body, 0); i < uint(len(r.Body)) && (r.Body[i] == '{' || r.Body[i] == '[') || strings.HasPrefix(stringOf(r.Body), "--") {
		return nil, refuse(MalformedBody, "it is not an urlencoded form")
	}
	pairs, err := pairsOf(stringOf(r.Body), r.grow)
	if err == errPairs {
		err = refuse(MalformedBody, "it is not an urlencoded form")
	}
	return pairs, err
}

// QueryOf returns the parameters of a URL, in their order. One that cannot be decoded
// is a [MalformedSignature], since only signed parameters are asked for. There may be
// [MaxFields] of them.
func QueryOf(rawURL string) ([]Pair, error) {
	pairs, err := pairsOf(queryOf(rawURL), func(int) error { return nil })
	if err != nil {
		return nil, refuse(MalformedSignature, "the URL's query cannot be decoded, or has more than %d parameters", MaxFields)
	}
	return pairs, nil
}

// errPairs is the error of a text that readers decode in different ways.
var errPairs = errors.New("not every reader decodes it alike")

// pairsOf decodes an urlencoded text. It fails on text that readers decode in different
// ways. These are a semicolon that is not escaped, which some take for a separator, a
// malformed escape, and a name that starts with space or has a null byte, which PHP
// changes. It asks grow for the memory of names and values with escapes.
func pairsOf(encoded string, grow func(n int) error) ([]Pair, error) {
	if strings.IndexByte(encoded, ';') >= 0 {
		return nil, errPairs
	}
	most := min(strings.Count(encoded, "&")+1, MaxFields)
	if err := grow(most*int(unsafe.Sizeof(Pair{})) + escapedSize(encoded)); err != nil {
		return nil, err
	}
	pairs := make([]Pair, 0, most)
	for pair := range strings.SplitSeq(encoded, "&") {
		if pair == "" {
			continue
		}
		if len(pairs) == MaxFields {
			return nil, refuse(MalformedBody, "it has more than %d fields", MaxFields)
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, errPairs
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, errPairs
		}
		if strings.HasPrefix(name, " ") || strings.IndexByte(name, 0) >= 0 {
			return nil, errPairs
		}
		pairs = append(pairs, Pair{name, value})
	}
	return pairs, nil
}

// escapedSize is an upper limit of the memory that decoding a text takes.
func escapedSize(text string) int {
	if !hasEscapes(text) {
		return 0
	}
	return len(text)
}
