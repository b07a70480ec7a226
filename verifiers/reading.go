package verifiers

import (
	"net/textproto"
	"strconv"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

// reading is one request while it is read: the request, and what has been
// found in it so far. Tokens of a template are answered from it.
type reading struct {
	r    *Request
	body string // r.Body, seen as a string

	unpacked Request // what r is then, if the body came packed

	secret    string            // what {secret} stands for
	timestamp string            // what {timestamp} stands for: the sender's own spelling
	id        string            // what {id} stands for
	claims    string            // what {claim:…} looks at: the JSON of a verified token's claims
	params    []param           // the items of the signature's list
	options   map[string]string // the endpoint's

	// pieces: what is signed are values out of a JSON document, not the whole of it,
	// so that each has to be the only one of its name.
	pieces bool

	// repeated notes that something asked for was there more than once, so
	// that it counts as absent: two parties could each read another one.
	repeated bool

	// fault ends the verification, whatever else comes of it: there was no memory
	// for a copy, or the request exceeds a limit.
	fault error

	form  int8     // whether the body is a form: 0 not yet known, 1 yes, -1 no
	parts *[]param // of a multipart body; nil: not yet known

	// strict: the document is checked when a fact is first looked for in it. Where
	// this request has its facts elsewhere, it need not be JSON.
	strict bool
	broken bool // it was looked into and is not JSON

	documents []*Template // where the document may stand, if it is not the body
	doc       string      // the document
	docKnown  bool
	docFound  bool // it stands in one of documents
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

// fail ends the verification with an error. The first one stays.
func (in *reading) fail(err error) {
	if in.fault == nil {
		in.fault = err
	}
}

// grow asks for n bytes of memory, and notes the error if there are none.
func (in *reading) grow(n int) bool {
	err := in.r.grow(n)
	if err != nil {
		in.fail(err)
	}
	return err == nil
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

// json returns what stands in the document. A form that holds no document has
// no JSON.
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

// repeatedMember tells whether a JSON path passes a name that an object has more
// than once, or also in other letters, which some parsers take for the same. Who
// may add to a body could so have one value verified and another one read.
func repeatedMember(value, path string) bool {
	name, rest, more := cutPath(path)
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

// namesMember tells whether a member's name, in its quotes, is a name, in whatever
// letters.
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

// cutPath parts the first name of a JSON path from the rest.
func cutPath(path string) (name, rest string, more bool) {
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

// claim returns what stands in a token's claims.
func (in *reading) claim(path string) (string, bool) { return jsonValue(in.claims, path) }

// option returns one of the endpoint's options.
func (in *reading) option(name string) (string, bool) {
	value := in.options[name]
	return value, value != ""
}

// jsonValue returns a string unescaped, and a number or a boolean as it is
// spelled. Null, objects and arrays are no values.
func jsonValue(text, path string) (string, bool) { return textOf(gjson.Get(text, path)) }

func textOf(result gjson.Result) (string, bool) {
	switch result.Type {
	case gjson.String:
		return jsonText(result), result.Str != ""
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

// sound returns the error of a document that was looked into and is not JSON, else
// err.
func (in *reading) sound(err error) error {
	if in.broken {
		return refuse(MalformedBody, "it is not JSON")
	}
	return err
}

// validJSON tells whether what was read from the document as JSON can be trusted
// to be what any other reader finds there. It holds for a form that has none, and
// for a GET without a body.
func (in *reading) validJSON() bool {
	if len(in.documents) > 0 {
		if doc := in.document(); in.docFound {
			return validJSON(doc)
		}
	}
	return in.isForm() || in.body == "" && in.r.Method == "GET" || validJSON(in.body)
}

// query returns a parameter of the URL.
func (in *reading) query(name string) (string, bool) {
	return in.onlyField(queryOf(in.r.URL), name)
}

// canonical returns the spelling under which [net/http.Header] keeps a name.
func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

// stringOf sees bytes as a string without copying them. What is kept beyond the
// request has to be cloned, since the bytes may be reused.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf sees a string as bytes without copying it, for functions that promise
// not to write to them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
