package verifiers

import (
	"slices"
	"strconv"
	"strings"
)

// uniqueJSON reports whether a text is a JSON object in which no object has two members of
// one name, at any depth, and no number is too large for a float64. Parsers read other
// texts in different ways. It is for the short texts of web tokens, since it recurses and
// keeps the names of each open object.
func uniqueJSON(text string) bool {
	var names [16]string
	u := uniqueReader{jsonReader: newJSONReader(text), text: text, names: names[:0]}
	start := skipSpace(u.b, 0)
	if start >= uint(len(u.b)) || u.b[start] != '{' {
		return false
	}
	return skipSpace(u.b, u.value(start, 0)) == uint(len(u.b))
}

// uniqueReader reads a JSON text and refuses a member that is there twice.
type uniqueReader struct {
	jsonReader
	text  string
	names []string // of the members of the open objects
}

// manyNames is the number of an object's members from which they are kept in a map.
const manyNames = 16

func (u *uniqueReader) value(i, depth uint) uint {
	switch {
	case i >= uint(len(u.b)) || depth > maxDepth:
		return invalid
	case u.b[i] == '{' || u.b[i] == '[':
		if depth == maxDepth {
			return invalid
		}
		return u.nested(i, depth+1)
	}
	end := u.jsonReader.value(i, depth)
	if end <= uint(len(u.b)) && (u.b[i] == '-' || isDigits(u.text[i:i+1])) {
		if _, err := strconv.ParseFloat(u.text[i:end], 64); err != nil {
			return invalid
		}
	}
	return end
}

// nested is value for an object or an array whose bracket is at i.
func (u *uniqueReader) nested(i, depth uint) uint {
	isObject, closing, size := u.b[i] == '{', u.b[i]+2, uint(len(u.b))
	if i = skipSpace(u.b, i+1); i < size && u.b[i] == closing {
		return i + 1
	}
	first := len(u.names)
	defer func() { u.names = u.names[:first] }()
	var many map[string]bool
	for i < size {
		if isObject {
			start := i + 1
			if u.b[i] != '"' {
				return invalid
			}
			if i = u.stringEnd(start); i > size {
				return invalid
			}
			name := memberName(u.text[start : i-1])
			if many[name] || slices.Contains(u.names[first:], name) {
				return invalid
			}
			switch {
			case many != nil:
				many[name] = true
			case len(u.names)-first < manyNames:
				u.names = append(u.names, name)
			default:
				many = map[string]bool{name: true}
			}
			if i = skipSpace(u.b, i); i >= size || u.b[i] != ':' {
				return invalid
			}
			i = skipSpace(u.b, i+1)
		}
		if i = skipSpace(u.b, u.value(i, depth)); i >= size {
			return invalid
		}
		if u.b[i] == closing {
			return i + 1
		}
		if u.b[i] != ',' {
			return invalid
		}
		i = skipSpace(u.b, i+1)
	}
	return invalid
}

// memberName returns the name between the quotes, with one U+FFFD for each run of text
// that is not UTF-8. Names that a parser could take for the same one become the same.
func memberName(inner string) string {
	if strings.IndexByte(inner, '\\') >= 0 {
		inner = stringOf(appendUnescaped(nil, inner))
	}
	return strings.ToValidUTF8(strings.ReplaceAll(inner, "\uFFFD", "\xFF"), "\uFFFD")
}
