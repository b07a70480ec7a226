package verifiers

import (
	"mime"
	"net/textproto"
	"net/url"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

// reading is one request while it is read: the request, and what has been
// found in it so far. Tokens of a template are answered from it.
type reading struct {
	r    *Request
	body string // r.Body, seen as a string

	secret    string  // what {secret} stands for
	timestamp string  // what {timestamp} stands for: the sender's own spelling
	id        string  // what {id} stands for
	params    []param // the items of the signature's list

	// repeated notes that something asked for was there more than once, so
	// that it counts as absent: two parties could each read another one.
	repeated bool

	form int8 // whether the body is a form: 0 not yet known, 1 yes, -1 no
}

// param is one item of a signature's list.
type param struct{ key, value string }

// start makes ready for r. What was read of an earlier request is forgotten.
func (in *reading) start(r *Request) {
	*in = reading{r: r, body: stringOf(r.Body), params: in.params[:0]}
}

// stop lets go of the request, so that a pooled reading does not hold it.
func (in *reading) stop() {
	clear(in.params)
	*in = reading{params: in.params[:0]}
}

// one reports the only value. Absent and empty are the same; so is what is
// there more than once, which is noted.
func (in *reading) one(value string, n int) (string, bool) {
	if n > 1 {
		in.repeated = true
		return "", false
	}
	return value, value != ""
}

// header returns the value of a header whose name is in canonical form.
func (in *reading) header(name string) (string, bool) {
	values := in.r.Header[name]
	if len(values) == 0 {
		return "", false
	}
	return in.one(values[0], len(values))
}

// param returns an item of the signature's list.
func (in *reading) param(key string) (string, bool) {
	value, n := "", 0
	for _, p := range in.params {
		if p.key == key {
			value, n = p.value, n+1
		}
	}
	return in.one(value, n)
}

// json returns a string unescaped, and a number or a boolean as it is spelled.
// Null, objects and arrays are no values. A form has no JSON.
func (in *reading) json(path string) (string, bool) {
	if in.isForm() {
		return "", false
	}
	switch result := gjson.Get(in.body, path); result.Type {
	case gjson.String:
		return result.Str, result.Str != ""
	case gjson.Number, gjson.True, gjson.False:
		return result.Raw, true
	}
	return "", false
}

// formField returns a field of a urlencoded body.
func (in *reading) formField(name string) (string, bool) {
	if !in.isForm() {
		return "", false
	}
	return in.one(field(in.body, name))
}

// query returns a parameter of the URL.
func (in *reading) query(name string) (string, bool) {
	return in.one(field(queryOf(in.r.URL), name))
}

// isForm tells whether the body is a form. The Content-Type alone does not
// decide, since it is hardly ever signed: an old request under another type
// would have lost its ID and so pass for a new event. No form starts with a
// bracket, which it would have to escape.
func (in *reading) isForm() bool {
	if in.form == 0 {
		in.form = -1
		if values := in.r.Header["Content-Type"]; len(values) > 0 && isFormType(values[0]) {
			if i := skipSpace(in.r.Body, 0); i == len(in.r.Body) || in.r.Body[i] != '{' && in.r.Body[i] != '[' {
				in.form = 1
			}
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

// validJSON tells whether what was read from the body as JSON can be trusted
// to be what any other reader finds there. It holds for a form, which has none.
func (in *reading) validJSON() bool {
	return in.isForm() || validJSON(in.body)
}

// field finds name in a urlencoded text and counts how often it is there. A
// pair that cannot be decoded is not there.
func field(encoded, name string) (value string, n int) {
	for encoded != "" {
		var pair string
		pair, encoded, _ = strings.Cut(encoded, "&")
		key, val, _ := strings.Cut(pair, "=")
		if key != name {
			if !strings.ContainsAny(key, "%+") {
				continue
			}
			if key, err := url.QueryUnescape(key); err != nil || key != name {
				continue
			}
		}
		val, err := url.QueryUnescape(val)
		if err != nil {
			continue
		}
		if n++; n == 1 {
			value = val
		}
	}
	return value, n
}

// queryOf returns what stands after the URL's question mark.
func queryOf(rawURL string) string {
	rawURL, _, _ = strings.Cut(rawURL, "#")
	_, query, _ := strings.Cut(rawURL, "?")
	return query
}

// pathOf returns the URL's path in its original spelling.
func pathOf(rawURL string) string {
	rawURL, _, _ = strings.Cut(rawURL, "#")
	rawURL, _, _ = strings.Cut(rawURL, "?")
	if _, rest, ok := strings.Cut(rawURL, "://"); ok {
		rawURL = strings.TrimLeftFunc(rest, func(c rune) bool { return c != '/' })
		if rawURL == "" {
			return "/"
		}
	}
	return rawURL
}

// canonical returns the spelling under which [net/http.Header] keeps a name.
func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

// stringOf sees bytes as a string without copying them. What is kept beyond the
// request has to be cloned, since the bytes may be reused.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf sees a string as bytes without copying it, for functions that promise
// not to write to them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
