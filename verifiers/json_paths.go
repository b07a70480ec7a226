package verifiers

import (
	"slices"
	"strconv"
	"strings"
)

// jsonPaths are the places of a JSON document that a scheme looks at. The document is
// checked and all of them are found in one pass.
//
// A path is in the set if it consists of names and indexes only, like data.items.0.id.
// A path with more of gjson's syntax is looked up by gjson, in a pass of its own.
type jsonPaths struct {
	paths []string // found[i] is the value at paths[i]
	root  jsonNode

	// folds: members that have the same name, ignoring case, are counted. See
	// [reading.pieces].
	folds bool
}

// jsonNode is an object or an array on the way of a path.
type jsonNode struct {
	steps    []jsonStep
	hasIndex bool // one of the steps can be an index
}

// jsonStep is a member or an item on the way of a path.
type jsonStep struct {
	name  string
	index int       // -1: the name is not the index of an item
	path  int       // the path that ends here, or -1
	below *jsonNode // nil: no path goes on
}

// jsonFound is the value at a path.
type jsonFound struct {
	raw      string // as it is spelled; empty: there is none
	repeated bool   // an object on the way has the name more than once
}

// Limits on the paths of a set. Configurations do not come near them. They bound the
// recursion, and the steps of a node fit into the bits of a mask.
const (
	maxPathSteps = 16
	maxNodeSteps = 64
)

// add adds the JSON paths of templates.
func (p *jsonPaths) add(templates ...*Template) {
	for _, t := range templates {
		if t == nil {
			continue
		}
		for _, part := range t.parts {
			if part.name == "json" {
				p.addPath(part.arg)
			}
		}
	}
}

func (p *jsonPaths) addPath(path string) {
	steps, ok := plainSteps(path)
	if !ok || slices.Contains(p.paths, path) {
		return
	}
	n, last := &p.root, (*jsonStep)(nil)
	for _, s := range steps {
		if last != nil {
			if last.below == nil {
				last.below = &jsonNode{}
			}
			n = last.below
		}
		if last = n.step(s); last == nil {
			return
		}
	}
	if last.path < 0 { // otherwise it is another spelling of a path in the set
		last.path = len(p.paths)
		p.paths = append(p.paths, path)
	}
}

// step returns the step of a name, which it adds to the node. It returns nil if the node
// is full.
func (n *jsonNode) step(s jsonStep) *jsonStep {
	for i := range n.steps {
		if n.steps[i].name == s.name {
			return &n.steps[i]
		}
	}
	if len(n.steps) == maxNodeSteps {
		return nil
	}
	n.steps = append(n.steps, s)
	n.hasIndex = n.hasIndex || s.index >= 0
	return &n.steps[len(n.steps)-1]
}

// plainSteps splits a path. It returns false for a path that is more than names and
// indexes.
func plainSteps(path string) (steps []jsonStep, plain bool) {
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '\\':
			if i++; i == len(path) {
				return nil, false
			}
		case '*', '?', '#', '|':
			return nil, false
		}
	}
	for more := true; more; {
		var name string
		before := path
		name, path, more = CutPath(path)
		escaped := strings.IndexByte(before[:len(before)-len(path)], '\\') >= 0
		step := jsonStep{name: name, index: -1, path: -1}
		if isDigits(name) {
			// gjson takes 01 for the index 1, and an escaped digit for no index.
			index, err := strconv.Atoi(name)
			if err != nil || escaped || strconv.Itoa(index) != name {
				return nil, false
			}
			step.index = index
		}
		if name == "" || len(steps) == maxPathSteps {
			return nil, false
		}
		steps = append(steps, step)
	}
	return steps, true
}

func isDigits(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// index returns the index of a path in the set, or -1.
func (p *jsonPaths) index(path string) int { return slices.Index(p.paths, path) }

// find reports whether a text is one JSON value (RFC 8259), and stores the values of the
// paths in found, which has an entry for each. Of several values at a path the first one
// counts.
func (p *jsonPaths) find(text string, found []jsonFound) bool {
	f := jsonFinder{jsonReader: newJSONReader(text), text: text, found: found, folds: p.folds}
	start := skipSpace(f.b, 0)
	end := f.read(start, 0, &jsonStep{path: -1, below: &p.root}, true)
	return skipSpace(f.b, end) == uint(len(f.b))
}

// jsonFinder is a search for the values of paths. Its methods recurse, but only as deep
// as the paths are.
type jsonFinder struct {
	jsonReader
	text  string
	found []jsonFound
	folds bool
}

// read reads the value at i and returns the index after it, or invalid. s is its step, or
// nil. exact: no name on the way differs in case from that of its step.
func (f *jsonFinder) read(i, depth uint, s *jsonStep, exact bool) uint {
	start := i
	switch {
	case s == nil || s.below == nil || i >= uint(len(f.b)):
		i = f.value(i, depth)
	case f.b[i] == '{':
		i = f.members(i+1, depth+1, s.below, exact)
	case f.b[i] == '[' && s.below.hasIndex:
		i = f.items(i+1, depth+1, s.below, exact)
	default:
		i = f.value(i, depth)
	}
	if s != nil && s.path >= 0 && exact && i <= uint(len(f.text)) && f.found[s.path].raw == "" {
		f.found[s.path].raw = f.text[start:i]
	}
	return i
}

// members reads an object whose brace is before i.
func (f *jsonFinder) members(i, depth uint, n *jsonNode, exact bool) uint {
	b, size, seen := f.b, uint(len(f.b)), uint64(0)
	if i = skipSpace(b, i); i < size && b[i] == '}' {
		return i + 1
	}
	for i < size && b[i] == '"' {
		start := i + 1
		if i = f.stringEnd(start); i > size {
			return invalid
		}
		step, same := f.match(n, f.text[start:i-1], &seen)
		if i = skipSpace(b, i); i >= size || b[i] != ':' {
			return invalid
		}
		if i = f.read(skipSpace(b, i+1), depth, step, exact && same); i >= size {
			return invalid
		}
		if i = skipSpace(b, i); i >= size || b[i] != ',' {
			if i < size && b[i] == '}' {
				return i + 1
			}
			return invalid
		}
		i = skipSpace(b, i+1)
	}
	return invalid
}

// items reads an array whose bracket is before i.
func (f *jsonFinder) items(i, depth uint, n *jsonNode, exact bool) uint {
	b, size := f.b, uint(len(f.b))
	if i = skipSpace(b, i); i < size && b[i] == ']' {
		return i + 1
	}
	for at := 0; ; at++ {
		var step *jsonStep
		for k := range n.steps {
			if n.steps[k].index == at {
				step = &n.steps[k]
			}
		}
		if i = f.read(i, depth, step, exact); i >= size {
			return invalid
		}
		if i = skipSpace(b, i); i >= size || b[i] != ',' {
			if i < size && b[i] == ']' {
				return i + 1
			}
			return invalid
		}
		i = skipSpace(b, i+1)
	}
}

// match returns the step of a member's name, which is written as in the document. same:
// the name is that of the step, not only in another case. seen has a bit for each step
// that the object had before.
func (f *jsonFinder) match(n *jsonNode, name string, seen *uint64) (step *jsonStep, same bool) {
	var plain [128]byte
	if strings.IndexByte(name, '\\') >= 0 {
		if !n.mayName(name) {
			return nil, false
		}
		name = stringOf(appendUnescaped(plain[:0], name))
	}
	for k := range n.steps {
		s := &n.steps[k]
		if s.name == name {
			step, same = s, true
		} else if !f.folds || !strings.EqualFold(s.name, name) {
			continue
		} else if step == nil {
			step = s
		}
		if f.folds {
			if *seen&(1<<k) != 0 {
				f.repeat(s)
			}
			*seen |= 1 << k
		}
	}
	return step, same
}

// mayName reports whether a name with escapes is short enough for one of the steps. An
// escape has six bytes, and a letter no fewer than one.
func (n *jsonNode) mayName(escaped string) bool {
	return slices.ContainsFunc(n.steps, func(s jsonStep) bool { return len(escaped) <= 6*len(s.name) })
}

// repeat marks the paths that pass a step.
func (f *jsonFinder) repeat(s *jsonStep) {
	if s.path >= 0 {
		f.found[s.path].repeated = true
	}
	if s.below != nil {
		for k := range s.below.steps {
			f.repeat(&s.below.steps[k])
		}
	}
}
