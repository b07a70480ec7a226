package verifiers

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Template is a text with tokens that stand for parts of a request, such as
//
//	v0:{timestamp}:{body}
//
// Tokens insert the sender's own bytes; nothing is parsed and written anew,
// except where a token's name says so. The tokens:
//
//	{body}                the body
//	{body.base64}         the body in base64
//	{body.base64url}      the body in base64url, without padding
//	{body.sha256.hex}     its SHA-256, in lower-case hex
//	{body.sha256.base64}  its SHA-256, in base64
//	{body.sha256.raw}     its SHA-256, as the 32 bytes that it is
//	{body.sha512.base64}  its SHA-512, in base64
//	{body.crc32}          its CRC-32 (IEEE), as a decimal number; it covers
//	                      nothing, since anybody can make a body to a CRC
//	{document}            the text that Facts.Document finds, else the body
//	{timestamp}           what Timestamp.From finds, as it was spelled
//	{id}                  the event ID, as it was spelled
//	{method}              the method
//	{url}                 the public URL, whole
//	{url.base}            the URL without its query
//	{url.decoded}         the URL with these twelve decoded, in either case, and
//	                      no others: %21 %24 %27 %28 %29 %2A %2C %2F %3A %3B %3F
//	                      %40
//	{host}                its host, with a port if it names one
//	{path}                its path, still escaped
//	{query}               its query, without the question mark
//	{query.sorted}        the query with its parameters sorted by name, each as
//	                      it was spelled
//	{query:name}          a parameter of the query, decoded
//	{header:Name}         a header
//	{form:name}           a field of an urlencoded or a multipart body, decoded
//	{form.sorted}         all the fields' names and values, decoded, sorted by
//	                      name and written one after the other; it covers no
//	                      field, since it does not tell a name from a value
//	{json:path}           a string, number or boolean of the document, at a path
//	                      such as data.id
//	                      (https://github.com/tidwall/gjson#path-syntax)
//	{claim:path}          the same of a web token's claims
//	{param:key}           an item of the signature's list
//	{option:name}         one of the endpoint's options
//	{secret}              the secret, for schemes that hash it in
//
// "{{" and "}}" stand for braces. A part that is absent, empty, or there more
// than once makes the template fail; what stands for a whole body, path, query or
// form may be empty.
type Template struct {
	text  string
	parts []part
}

// part is a literal text, or a token.
type part struct {
	literal string
	name    string // of the token; empty: a literal
	arg     string
	kind    *tokenKind
}

// ParseTemplate reads a template. See [Template] for its syntax.
func ParseTemplate(text string) (*Template, error) {
	t := &Template{text: text}
	literal := ""
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			literal += rest
			break
		}
		literal += rest[:i]
		if strings.HasPrefix(rest[i:], "{{") || strings.HasPrefix(rest[i:], "}}") {
			literal += rest[i : i+1]
			rest = rest[i+2:]
			continue
		}
		end := strings.IndexByte(rest[i:], '}')
		if rest[i] == '}' || end < 0 {
			return nil, fmt.Errorf("template %q: a brace without its counterpart; write {{ or }} for a brace itself", text)
		}
		p, err := parseToken(rest[i+1 : i+end])
		if err != nil {
			return nil, fmt.Errorf("template %q: %w", text, err)
		}
		if literal != "" {
			t.parts = append(t.parts, part{literal: literal})
			literal = ""
		}
		t.parts = append(t.parts, p)
		rest = rest[i+end+1:]
	}
	if literal != "" {
		t.parts = append(t.parts, part{literal: literal})
	}
	return t, nil
}

func parseToken(text string) (part, error) {
	name, arg, given := strings.Cut(text, ":")
	kind := tokens[name]
	switch {
	case kind == nil:
		return part{}, fmt.Errorf("unknown token {%s}; known are %s", text, strings.Join(slices.Sorted(maps.Keys(tokens)), ", "))
	case kind.arg == nil && given:
		return part{}, fmt.Errorf("token {%s} takes no argument", name)
	case kind.arg == nil:
		return part{name: name, kind: kind}, nil
	case given && arg == "":
		return part{}, fmt.Errorf("token {%s} lacks a name after the colon", text)
	}
	arg, err := kind.arg(arg)
	if err != nil {
		return part{}, fmt.Errorf("token {%s}: %w", text, err)
	}
	return part{name: name, arg: arg, kind: kind}, nil
}

// String returns the template as it was written.
func (t *Template) String() string { return t.text }

// has reports whether the template contains a token of this name.
func (t *Template) has(name string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.name == name })
}

// is reports whether the template consists of this one token.
func (t *Template) is(name string) bool { return len(t.parts) == 1 && t.parts[0].name == name }

// includes reports whether every token of another is a token of the template.
func (t *Template) includes(other *Template) bool {
	return !slices.ContainsFunc(other.parts, func(want part) bool {
		return want.kind != nil && !slices.ContainsFunc(t.parts, func(p part) bool { return p.name == want.name && p.arg == want.arg })
	})
}

// reads reports whether any token of the template looks there.
func (t *Template) reads(from source) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.kind != nil && p.kind.from == from })
}

// readsBody reports whether any of the template's tokens needs the body.
func (t *Template) readsBody() bool {
	return slices.ContainsFunc(t.parts, func(p part) bool {
		return p.kind != nil && (p.kind.from >= fromBody && p.kind.from <= fromJSON || p.name == "form.sorted" || p.name == "body.crc32")
	})
}

// constant reports whether the template is the same for every request.
func (t *Template) constant() bool {
	return !slices.ContainsFunc(t.parts, func(p part) bool { return p.kind != nil && p.kind.from != fromEndpoint })
}

// writeTo writes the text for a request. It fails, naming the part, where one
// is absent; what was written before that stays written.
func (t *Template) writeTo(w io.Writer, in *reading) (absent *part) {
	for i := range t.parts {
		p := &t.parts[i]
		value := p.literal
		switch {
		case p.kind == nil:
		case p.kind.write != nil:
			p.kind.write(in, w)
			continue
		default:
			var ok bool
			if value, ok = p.kind.read(in, p.arg); !ok {
				return p
			}
		}
		w.Write(bytesOf(value))
	}
	return nil
}

// in returns the text for a request, or false where a part is absent. The text
// may share the request's memory.
func (t *Template) in(in *reading) (string, bool) {
	if len(t.parts) == 1 && t.parts[0].kind != nil {
		return t.parts[0].kind.read(in, t.parts[0].arg)
	}
	text := contentBuffer{in: in}
	if t.writeTo(&text, in) != nil || in.fault != nil {
		return "", false
	}
	return stringOf(text.b), true
}

// contentBuffer is a text whose memory is counted by [Request.Grow].
type contentBuffer struct {
	in *reading
	b  []byte
}

// Write appends p. Without memory it appends nothing, and the verification fails.
func (c *contentBuffer) Write(p []byte) (int, error) {
	if need := len(c.b) + len(p); need > cap(c.b) {
		size := need
		if len(c.b) > 0 {
			size = max(need, 2*cap(c.b))
		}
		if !c.in.grow(size) {
			return 0, c.in.fault
		}
		c.b = append(make([]byte, 0, size), c.b...)
	}
	c.b = append(c.b, p...)
	return len(p), nil
}

// shares reports whether the text from [Template.in] may share memory with the
// request's body.
func (t *Template) shares() bool {
	return slices.ContainsFunc(t.parts, func(p part) bool {
		return p.kind != nil && p.kind.from >= fromBody && p.kind.from <= fromJSON || p.name == "claim" || p.name == "form.sorted"
	})
}

func optional(arg string) (string, error) { return arg, nil }

func anyName(arg string) (string, error) {
	if arg == "" {
		return "", fmt.Errorf("it lacks a colon and a name")
	}
	return arg, nil
}

func headerName(arg string) (string, error) {
	if arg == "" {
		return "", fmt.Errorf("it lacks a colon and a header's name")
	}
	for _, c := range []byte(arg) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return "", fmt.Errorf("%q cannot be a header's name", arg)
		}
	}
	return canonical(arg), nil
}

// jsonPath refuses paths that gjson reads as more than a place in a document:
// modifiers, literals and multipaths.
func jsonPath(arg string) (string, error) {
	if arg == "" {
		return "", fmt.Errorf("it lacks a colon and a path")
	}
	for start, i := true, 0; i < len(arg); i++ {
		switch c := arg[i]; {
		case c == '\\':
			i++
			start = false
		case start && strings.IndexByte("@!{[.|", c) >= 0:
			return "", fmt.Errorf("%q is not a path to one value; put a backslash before %q if it belongs to a key", arg, c)
		default:
			start = c == '.' || c == '|'
		}
	}
	return arg, nil
}

// tokenKind is the meaning of a token. A new token is a line in tokens.
type tokenKind struct {
	read  func(in *reading, arg string) (value string, ok bool)
	write func(in *reading, w io.Writer)   // the same without a copy; nil: read makes none
	arg   func(arg string) (string, error) // checks and normalises; nil: the token takes none
	from  source
}

// source is the part of a request that a token looks at. A scheme that signs the whole
// part signs every token that looks at it.
type source int8

const (
	fromElsewhere source = iota // covered only where the token itself is signed
	fromBody                    // all of the body
	fromDocument                // all of the document
	fromField                   // something in the body
	fromJSON                    // something in a document that has to be JSON
	fromURL                     // all of the URL
	fromQuery                   // all of the URL's query, or something in it
	fromPath                    // the URL's path, or more, but not its query
	fromHost                    // the URL's host
	fromEndpoint                // nothing of the request
)

var tokens = map[string]*tokenKind{
	"body":               {from: fromBody, read: func(in *reading, _ string) (string, bool) { return in.body, true }},
	"body.base64":        {from: fromBody, read: encodedBody(base64.StdEncoding), write: encodeBody(base64.StdEncoding)},
	"body.base64url":     {from: fromBody, read: encodedBody(base64.RawURLEncoding), write: encodeBody(base64.RawURLEncoding)},
	"body.sha256.hex":    {from: fromBody, read: ofBody(func(b []byte) string { return hex.EncodeToString(sum256(b)) })},
	"body.sha256.base64": {from: fromBody, read: ofBody(func(b []byte) string { return base64.StdEncoding.EncodeToString(sum256(b)) })},
	"body.sha256.raw":    {from: fromBody, read: ofBody(func(b []byte) string { return string(sum256(b)) })},
	"body.sha512.base64": {from: fromBody, read: ofBody(func(b []byte) string { return base64.StdEncoding.EncodeToString(sum512(b)) })},
	"body.crc32":         {read: ofBody(func(b []byte) string { return strconv.FormatUint(uint64(crc32.ChecksumIEEE(b)), 10) })},
	"document":           {from: fromDocument, read: func(in *reading, _ string) (string, bool) { return in.document(), true }},
	"timestamp":          {read: func(in *reading, _ string) (string, bool) { return in.timestamp, in.timestamp != "" }},
	"id":                 {read: func(in *reading, _ string) (string, bool) { return in.id, in.id != "" }},
	"method":             {read: func(in *reading, _ string) (string, bool) { return in.r.Method, in.r.Method != "" }},
	"url":                {from: fromURL, read: ofURL(func(url string) string { return url })},
	"url.base":           {from: fromPath, read: ofURL(baseOf)},
	"url.decoded":        {from: fromURL, read: ofURL(twelveDecoded.Replace)},
	"host":               {from: fromHost, read: ofURL(hostOf)},
	"path":               {from: fromPath, read: func(in *reading, _ string) (string, bool) { return pathOf(in.r.URL), true }},
	"query":              {from: fromQuery, read: readQuery, arg: optional},
	"query.sorted":       {from: fromQuery, read: func(in *reading, _ string) (string, bool) { return in.sortedQuery() }},
	"header":             {read: (*reading).header, arg: headerName},
	"param":              {read: (*reading).param, arg: anyName},
	"form":               {from: fromField, read: (*reading).formField, arg: anyName},
	"form.sorted":        {read: func(in *reading, _ string) (string, bool) { return in.sortedForm() }},
	"json":               {from: fromJSON, read: (*reading).json, arg: jsonPath},
	"claim":              {read: (*reading).claim, arg: jsonPath},
	"option":             {from: fromEndpoint, read: (*reading).option, arg: anyName},
	"secret":             {from: fromEndpoint, read: func(in *reading, _ string) (string, bool) { return in.secret, true }},
}

func readQuery(in *reading, name string) (string, bool) {
	if name == "" {
		return queryOf(in.r.URL), true
	}
	return in.query(name)
}

func ofBody(write func([]byte) string) func(*reading, string) (string, bool) {
	return func(in *reading, _ string) (string, bool) { return write(in.r.Body), true }
}

func encodedBody(encoding *base64.Encoding) func(*reading, string) (string, bool) {
	return func(in *reading, _ string) (string, bool) {
		size := encoding.EncodedLen(len(in.body))
		if !in.grow(size) {
			return "", false
		}
		return stringOf(encoding.AppendEncode(make([]byte, 0, size), in.r.Body)), true
	}
}

func encodeBody(encoding *base64.Encoding) func(*reading, io.Writer) {
	return func(in *reading, w io.Writer) {
		encoder := base64.NewEncoder(encoding, w)
		encoder.Write(in.r.Body)
		encoder.Close()
	}
}

func ofURL(part func(url string) string) func(*reading, string) (string, bool) {
	return func(in *reading, _ string) (string, bool) {
		text := part(in.r.URL)
		return text, text != ""
	}
}

func sum256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func sum512(b []byte) []byte {
	sum := sha512.Sum512(b)
	return sum[:]
}

// claim returns the path of a claim if the template is that and nothing else.
func (t *Template) claim() (path string, ok bool) {
	if len(t.parts) != 1 || t.parts[0].name != "claim" {
		return "", false
	}
	return t.parts[0].arg, true
}
