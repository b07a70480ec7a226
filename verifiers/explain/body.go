package explain

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"hash/maphash"
	"net/url"
	"slices"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

const anew = " It was parsed on the way here and written anew; the gateway has to get the bytes that were sent."

// bodies undoes the changes that editors, shells, proxies and frameworks make to a
// body.
func (x *explainer) bodies() {
	body := x.r.Body
	if !x.needsBody() || len(body) == 0 {
		return
	}
	b := &bodyTries{explainer: x, tried: map[uint64]bool{}}
	b.tried[maphash.Bytes(b.seed(), body)] = true
	b.try(bytes.TrimSuffix(body, []byte("\n")), "It verifies without the newline at the end of the body. The signature was made before it was added, as an editor does.")
	b.try(bytes.TrimSuffix(body, []byte("\r\n")), "It verifies without the line end at the end of the body. The signature was made before it was added.")
	b.try(bytes.TrimSpace(body), "It verifies without the white space around the body. It was added on the way here.")
	b.try(append(slices.Clone(body), '\n'), "It verifies with a newline at the end of the body. It was cut off on the way here.")
	b.try(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), "It verifies with the body's line ends as LF. They were turned into CRLF on the way here.")
	b.try(bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n")), "It verifies with the body's line ends as CRLF. They were turned into LF on the way here.")
	b.try(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), "It verifies without the byte order mark at the start of the body.")
	b.try([]byte{}, "It verifies with an empty body. The sender signed nothing of it, or it was read before it was signed.")
	if unpacked, err := verifiers.Inflate(x.ctx, x.r); err == nil {
		b.try(unpacked, "It verifies with the body unpacked. It was compressed after it had been signed.")
	}
	if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(body))); err == nil {
		b.try(plain, "It verifies with the body decoded from base64. Something on the way encoded it, as serverless platforms do.")
	}
	b.charsets()
	switch {
	case verifiers.ValidJSON(body):
		b.json()
	case !bytes.ContainsAny(body, "{[\n") && bytes.ContainsRune(body, '='):
		for _, style := range formStyles {
			b.try(style.write(body), "It verifies with the form "+style.name+"."+anew)
		}
	}
	x.claimsUnpacked()
}

// claimsUnpacked tries a request that says that its body is packed, without this.
func (x *explainer) claimsUnpacked() {
	if x.unpackedBefore() {
		x.tryRequest("It verifies without the header Content-Encoding. Something on the way unpacked the body and left the header.",
			func(r *verifiers.Request) { r.Header.Del("Content-Encoding") })
	}
}

// bodyTries tries bodies, and each of them once.
type bodyTries struct {
	*explainer
	tried map[uint64]bool
}

var bodySeed = maphash.MakeSeed()

func (*bodyTries) seed() maphash.Seed { return bodySeed }

// try tries the request with another body.
func (b *bodyTries) try(body []byte, sentence string) bool {
	if len(b.found) > 0 {
		return false
	}
	sum := maphash.Bytes(b.seed(), body)
	if b.tried[sum] {
		return false
	}
	b.tried[sum] = true
	r := *b.r
	r.Body = body
	return b.tryChanged(&r, sentence)
}

// Limits on the bodies of which combinations of changes are tried, in bytes. Of a larger
// one single changes are.
const (
	maxPairs   = 1 << 20
	maxTriples = 128 << 10
)

// json tries the ways in which libraries write JSON, the simple ones first.
func (b *bodyTries) json() {
	if text := unwrapped(b.r.Body); text != nil {
		b.try(text, "It verifies with the document that the body has as a JSON string. It was encoded twice.")
	}
	document := b.r.Body
	orders := [][]byte{document, sorted(document), ordered(document, b.Row.Sample.Body)}
	for most := 1; most <= 3; most++ {
		if most == 2 && len(document) > maxPairs || most == 3 && len(document) > maxTriples {
			b.leftOut = true
			return
		}
		for o, order := range orders {
			for l, layout := range layouts {
				for s, style := range stringStyles {
					if n := btoi(o > 0) + btoi(l > 0) + btoi(s > 0); n != most || order == nil || len(b.found) > 0 || b.canceled() {
						continue
					}
					var names []string
					for _, name := range []string{layout.name, style.name, orderNames[o]} {
						if name != "" {
							names = append(names, name)
						}
					}
					b.try(layout.write(style.write(order)), "It verifies with the body's JSON "+joined(names)+"."+anew)
				}
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// joined is a list in a sentence.
func joined(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// unwrapped returns the JSON document in a JSON string.
func unwrapped(b []byte) []byte {
	var text string
	if json.Unmarshal(b, &text) != nil || !verifiers.ValidJSON([]byte(text)) {
		return nil
	}
	return []byte(text)
}

// style is a way in which a library writes a document that it has parsed.
type style struct {
	name  string
	write func([]byte) []byte
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
	{"with its escapes in lower case", func(b []byte) []byte { return casedEscapes(b, bytes.ToLower) }},
	{"with its escapes in upper case", func(b []byte) []byte { return casedEscapes(b, bytes.ToUpper) }},
	{"decoded", func(b []byte) []byte {
		text, err := url.QueryUnescape(string(b))
		if err != nil {
			return b
		}
		return []byte(text)
	}},
}

// casedEscapes writes the escapes of a form or a URL in one case.
func casedEscapes(b []byte, cased func([]byte) []byte) []byte {
	out := slices.Clone(b)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' {
			copy(out[i+1:i+3], cased(out[i+1:i+3]))
			i += 2
		}
	}
	return out
}
