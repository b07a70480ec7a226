package caddymodule

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// stretch is a part of a document.
type stretch struct{ start, end int }

// splitPath parts a JSON path, as in cards.#.number, at its dots. A backslash
// takes the meaning from the byte behind it.
func splitPath(path string) (parts []string) {
	var part strings.Builder
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path):
			i++
			part.WriteByte(path[i])
		case c == '.':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	return append(parts, part.String())
}

// findJSON collects where the values of a path stand. Unlike a lookup it finds
// every member of one name, since a reader may take any of them; it goes through
// lists also where the path does not say so; * is any member, # any element.
func findJSON(v gjson.Result, path []string, found []stretch) []stretch {
	if len(path) == 0 {
		return append(found, stretch{v.Index, v.Index + len(v.Raw)})
	}
	switch {
	case v.IsObject():
		v.ForEach(func(name, member gjson.Result) bool {
			if path[0] == "*" || path[0] == name.String() {
				found = findJSON(member, path[1:], found)
			}
			return true
		})
	case v.IsArray():
		rest := path
		at, err := strconv.Atoi(path[0])
		one := err == nil
		if one || path[0] == "#" || path[0] == "*" {
			rest = path[1:]
		}
		i := 0
		v.ForEach(func(_, element gjson.Result) bool {
			if !one || i == at {
				found = findJSON(element, rest, found)
			}
			i++
			return true
		})
	}
	return found
}
