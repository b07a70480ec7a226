package verifiers

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
)

// maxParts bounds the parts of a multipart body. Their size is bounded by that
// of the body.
const maxParts = 256

// isForm tells whether the body is a form. The Content-Type alone does not
// decide, since it is hardly ever signed: an old request under another type
// would have lost its ID and so pass for a new event. No form starts with a
// bracket, which it would have to escape.
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
	kind, _, _ := mime.ParseMediaType(contentType)
	return kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data"
}

// mayBeForm tells whether the body does not look like JSON.
func (in *reading) mayBeForm() bool {
	i := skipSpace(in.r.Body, 0)
	return i == len(in.r.Body) || in.r.Body[i] != '{' && in.r.Body[i] != '['
}

// formField returns a field of a form. It does not ask for the Content-Type, for
// the reason that is given at isForm, nor does it take a multipart body's
// boundary from there.
func (in *reading) formField(name string) (string, bool) {
	switch {
	case !in.mayBeForm():
		return "", false
	case !in.isMultipart():
		return in.one(field(in.body, name))
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

// sortedForm returns the names and values of all fields, sorted by name.
func (in *reading) sortedForm() (string, bool) {
	if !in.mayBeForm() {
		return "", false
	}
	var fields []param
	if in.isMultipart() {
		fields = slices.Clone(in.multipart())
	} else {
		pairs, ok := pairsOf(in.body)
		if !ok {
			return "", false
		}
		for _, p := range pairs {
			fields = append(fields, param{p.Name, p.Value})
		}
	}
	slices.SortStableFunc(fields, func(a, b param) int { return strings.Compare(a.key, b.key) })
	var text strings.Builder
	for _, f := range fields {
		text.WriteString(f.key)
		text.WriteString(f.value)
	}
	return text.String(), true
}

// isMultipart tells whether the body starts with a boundary. In an urlencoded
// form that would be a field's name with a line end in it.
func (in *reading) isMultipart() bool {
	return strings.HasPrefix(in.body, "--") && strings.Contains(in.body, "\n")
}

// multipart returns the fields of a multipart body; files are none. A body that
// is malformed has no fields.
func (in *reading) multipart() []param {
	if in.parts == nil {
		fields := multipartFields(in.r.Body)
		in.parts = &fields
	}
	return *in.parts
}

func multipartFields(body []byte) []param {
	line, _, _ := bytes.Cut(body, []byte("\n"))
	boundary := strings.TrimRight(string(line[2:]), " \t\r")
	if boundary == "" || len(boundary) > 70 { // RFC 2046
		return nil
	}
	var fields []param
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxParts + 1 {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return fields
		}
		if err != nil {
			return nil
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil
		}
		if part.FileName() == "" {
			fields = append(fields, param{part.FormName(), string(value)})
		}
	}
	return nil
}

// field finds name in a urlencoded text and counts how often it is there, also as
// other readers count: some part pairs at a semicolon too, some leave an escape of
// nothing as it is, and PHP takes other names for this one.
func field(encoded, name string) (value string, n int) {
	for encoded != "" {
		var pair string
		pair, encoded, _ = strings.Cut(encoded, "&")
		key, val, _ := strings.Cut(pair, "=")
		if is, alike := isName(key, name); alike {
			if val, err := url.QueryUnescape(val); is && err == nil && n == 0 {
				value = val
			}
			n++
		}
		for _, rest, more := strings.Cut(pair, ";"); more; _, rest, more = strings.Cut(rest, ";") {
			key, _, _ := strings.Cut(rest, "=")
			if _, alike := isName(key, name); alike {
				n++
			}
		}
	}
	return value, n
}

// isName tells whether a pair's key is a name, and whether PHP would take it for
// that: it strips space before a key, ends it at a null byte, and writes an
// underscore for a dot or a space in it.
func isName(key, name string) (is, alike bool) {
	switch {
	case key == name:
		return true, true
	case len(key) < len(name): // escapes only make it longer
		return false, false
	}
	key, err := url.QueryUnescape(key)
	if err != nil || key == name {
		return err == nil, err == nil
	}
	key, _, _ = strings.Cut(strings.TrimLeft(key, " "), "\x00")
	return false, phpName.Replace(key) == phpName.Replace(name)
}

var phpName = strings.NewReplacer(".", "_", " ", "_")
