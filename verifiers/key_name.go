package verifiers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// keyNames are the names of an endpoint's keys. A request names the key that signed it.
// With the zero value every key counts.
type keyNames struct {
	place *Template
	names []string // one for each key
}

// compileKeyNames joins the place of a key's name with the names that the
// endpoint gives: as part of its secrets, or as its option key.
func compileKeyNames(place string, given []string, option string) (keyNames, error) {
	if place == "" {
		return keyNames{}, nil
	}
	t, err := factTemplate(place, "")
	if err != nil {
		return keyNames{}, fmt.Errorf("key ID: %w", err)
	}
	if names := strings.Fields(option); len(names) > 0 {
		if len(names) != len(given) {
			return keyNames{}, fmt.Errorf("%d names of keys (key) for %d secrets; give one for each, in the same order", len(names), len(given))
		}
		given = names
	}
	if !slices.ContainsFunc(given, func(name string) bool { return name != "" }) {
		return keyNames{}, nil
	}
	return keyNames{t, given}, nil
}

// used returns the name that the request gives. With a name that is none of the
// endpoint's the request is refused at once, before anything is computed.
func (n keyNames) used(in *reading) (string, error) {
	if n.place == nil {
		return "", nil
	}
	in.repeated = false
	name, ok := n.place.in(in)
	switch {
	case in.repeated:
		return "", refuse(MalformedSignature, "%s, which names the key, is there more than once", n.place)
	case !ok:
		return "", refuse(MissingSignature, "no %s, which names the key", n.place)
	case !slices.Contains(n.names, name):
		return "", refuse(WrongSignature, "unknown key ID")
	}
	return name, nil
}

// allow reports whether the key with this index has the name.
func (n keyNames) allow(key int, name string) bool {
	return n.place == nil || n.names[key] == name
}

// first returns the name of the first key, or "".
func (n keyNames) first() string {
	if len(n.names) == 0 {
		return ""
	}
	return n.names[0]
}

// firstKey returns the options for signing with one secret: the first that is
// named.
func firstKey(options map[string]string) map[string]string {
	names := strings.Fields(options["key"])
	if len(names) < 2 {
		return options
	}
	options = maps.Clone(options)
	options["key"] = names[0]
	return options
}

// templates are the templates that are read before a signature can be matched.
func (n keyNames) templates() []*Template {
	if n.place == nil {
		return nil
	}
	return []*Template{n.place}
}
