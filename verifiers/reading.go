package verifiers

import (
	"net/textproto"
	"strconv"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

// reading is one request while it is verified, and everything found in it so far. The
// tokens of a template are read from it.
type reading struct {
	r    *Request
	body string // r.Body, seen as a string

	unpacked Request // r with its body unpacked, if it came packed

	secret    string            // for {secret}
	timestamp string            // for {timestamp}: the sender's own spelling
	id        string            // for {id}
	claims    string            // for {claim:…}: the JSON of a verified token's claims
	params    []param           // the items of the signature's list
	options   map[string]string // the endpoint's

	// pieces: values of a JSON document are signed, not the whole of it. Each has to be
	// the only one of its name.
	pieces bool

	// repeated: a part that was asked for occurs more than once. It counts as absent,
	// because two parties could each read another one.
	repeated bool

	// fault ends the verification, whatever its result: there was no memory for a copy,
	// or the request exceeds a limit.
	fault error

	form  int8     // whether the body is a form: 0 not yet known, 1 yes, -1 no
	parts *[]param // of a multipart body; nil: not yet known

	// strict: the document is checked when a fact is first looked for in it. If this
	// request has its facts elsewhere, it need not be JSON.
	strict bool
	broken bool // it was looked into and is not JSON

	paths   *jsonPaths  // what will be looked for in the document; nil: nothing known
	found   []jsonFound // the values of paths, once scanned
	scanned bool        // the document was checked, and is JSON

	documents []*Template // where the document may stand, if it is not the body
	doc       string      // the document
	docKnown  bool
	docFound  bool // it stands in one of documents
}

// param is one item of a signature's list.
type param struct{ key, value string }

// start prepares for r and forgets the earlier request.
func (in *reading) start(r *Request) {
	*in = reading{r: r, body: stringOf(r.Body), params: in.params[:0], found: in.found[:0]}
}

// stop releases the request, so that a pooled reading does not hold it.
func (in *reading) stop() {
	clear(in.params)
	clear(in.found)
	*in = reading{params: in.params[:0], found: in.found[:0]}
}

// fail ends the verification with an error. The first one stays.
func (in *reading) fail(err error) {
	if in.fault == nil {
		in.fault = err
	}
}

// grow asks for n bytes of memory, and stores the error if there are none.
func (in *reading) grow(n int) bool {
	err := in.r.grow(n)
	if err != nil {
		in.fail(err)
	}
	return err == nil
}

// one returns the only value. An empty value counts as absent, and so does one of
// several, which sets repeated.
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

// json returns a value of the document. A form without a document has none.
func (in *reading) json(path string) (string, bool) {
	if in.strict {
		in.strict, in.broken = false, !in.validJSON()
	}
	if in.broken {
		return "", false
	}
	doc := in.body
	if len(in.documents) > 0 {
		doc = in.document()
	}
	if !in.docFound && in.isForm() {
		return "", false
	}
	if in.scanned {
		if i := in.paths.index(path); i >= 0 {
			found := in.found[i]
			if in.pieces && found.repeated {
				in.repeated = true
				return "", false
			}
			return in.text(found.raw)
		}
	}
	if in.pieces && repeatedMember(doc, path) {
		in.repeated = true
		return "", false
	}
	found := gjson.Get(doc, path)
	if len(found.Raw) > maxFact && strings.IndexByte(found.Raw, '\\') >= 0 && !in.grow(2*len(found.Raw)) {
		return "", false // it was copied twice on the way
	}
	return textOf(found)
}

// text is textOf for a value as it is spelled.
func (in *reading) text(raw string) (string, bool) {
	switch {
	case raw == "" || raw[0] == 'n' || raw[0] == '{' || raw[0] == '[':
		return "", false
	case raw[0] != '"':
		return raw, true
	}
	text := raw[1 : len(raw)-1]
	if strings.IndexByte(text, '\\') >= 0 {
		if len(raw) > maxFact && !in.grow(len(raw)) {
			return "", false
		}
		text = stringOf(appendUnescaped(make([]byte, 0, len(raw)), text))
	}
	return text, text != ""
}

// repeatedMember reports whether a JSON path passes a name that an object has more than
// once, also in other letters, which some parsers take for the same. Otherwise somebody
// who can add to a body could have one value verified and another one read.
func repeatedMember(value, path string) bool {
	name, rest, more := CutPath(path)
	next, n := "", 0
	start := skipSpace(bytesOf(value), 0)
	switch {
	case strings.HasPrefix(value[start:], "{"):
		Members(value, func(quoted, member string) bool {
			if namesMember(quoted, name) {
				next = member
				n++
			}
			return n < 2
		})
	default:
		index, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(index) != name {
			return false
		}
		at := 0
		Members(value, func(_, item string) bool {
			if at == index {
				next = item
			}
			at++
			return at <= index
		})
	}
	return n > 1 || more && next != "" && repeatedMember(next, rest)
}

// namesMember reports whether a member's name, in its quotes, is a name, ignoring case.
func namesMember(quoted, name string) bool {
	inner := quoted[1 : len(quoted)-1]
	switch {
	case strings.IndexByte(inner, '\\') < 0:
		return strings.EqualFold(inner, name)
	case len(inner) > 6*len(name): // an escape has six bytes, and a letter no fewer than one
		return false
	}
	return strings.EqualFold(gjson.Parse(quoted).Str, name)
}

// claim returns a value of a token's claims.
func (in *reading) claim(path string) (string, bool) { return jsonValue(in.claims, path) }

// option returns one of the endpoint's options.
func (in *reading) option(name string) (string, bool) {
	value := in.options[name]
	return value, value != ""
}

// jsonValue returns a string unescaped, and a number or a boolean as it is spelled.
// Null, objects and lists are no values.
func jsonValue(text, path string) (string, bool) { return textOf(gjson.Get(text, path)) }

func textOf(result gjson.Result) (string, bool) {
	switch result.Type {
	case gjson.String:
		return jsonString(result), result.Str != ""
	case gjson.Number, gjson.True, gjson.False:
		return result.Raw, true
	}
	return "", false
}

// document returns the first document that is there, else the body.
func (in *reading) document() string {
	if !in.docKnown {
		in.docKnown, in.doc = true, in.body
		repeated := in.repeated
		for i := range in.documents {
			if doc, ok := in.documents[i].in(in); ok {
				in.doc, in.docFound = doc, true
				break
			}
		}
		in.repeated = repeated // a document that is there twice is none
	}
	return in.doc
}

// sound returns the error of a document that is not JSON if one was read, else err.
func (in *reading) sound(err error) error {
	if in.broken {
		return refuse(MalformedBody, "it is not JSON")
	}
	return err
}

// validJSON reports whether every other reader finds the same values in the document.
// It is also true of a form without a document, and of a GET without a body. The pass that
// checks the document finds the values of in.paths too.
func (in *reading) validJSON() bool {
	if len(in.documents) > 0 {
		if doc := in.document(); in.docFound {
			return in.scan(doc)
		}
	}
	return in.isForm() || in.body == "" && in.r.Method == "GET" || in.scan(in.body)
}

// scan checks the document, and finds the values of in.paths.
func (in *reading) scan(doc string) bool {
	if in.paths == nil {
		return validJSON(doc)
	}
	in.found = append(in.found[:0], make([]jsonFound, len(in.paths.paths))...)
	in.scanned = in.paths.find(doc, in.found)
	return in.scanned
}

// query returns a parameter of the URL.
func (in *reading) query(name string) (string, bool) {
	return in.onlyField(queryOf(in.r.URL), name)
}

// canonical returns the spelling under which [net/http.Header] keeps a name.
func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

// stringOf returns bytes as a string without copying them. Clone a text that is kept
// beyond the request, since the bytes may be reused.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf returns a string as bytes without copying it, for functions that do not write
// to them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func outsideBody(from string) bool { return from == "header" || from == "query" }

// withoutBody is the part of a request that has arrived before its body.
func withoutBody(r *Request) *Request {
	return &Request{Method: r.Method, URL: r.URL, Header: r.Header}
}
