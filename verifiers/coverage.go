package verifiers

import "slices"

// coverage describes the parts of a request under its signature.
type coverage struct {
	everything bool
	body, url  bool
	query      bool
	path       bool
	document   bool               // all of the document, wherever it stands
	elsewhere  bool               // the document may stand where nothing is covered
	single     map[[2]string]bool // tokens of which only they are covered: name and argument
}

// coverageOf derives the coverage from the signed content. Where the content has
// {timestamp} or {id}, it also covers the places they come from.
func coverageOf(content *Template, f *facts) coverage {
	c := coverage{single: map[[2]string]bool{}}
	c.add(content, f)
	if content.has("timestamp") && f.time != nil {
		c.add(f.time.Template, f)
	}
	// Of several places of the ID it is not known beforehand which one will be
	// signed, so then only {id} itself is covered, which facts.cover allows for.
	if content.has("id") && len(f.ids) == 1 {
		c.add(f.ids[0].Template, f)
	}
	// The document is the first of its places that is there, and one that the
	// content needs is always there.
	if len(f.documents) > 0 && content.includes(f.documents[0]) && c.covers(f.documents[0]) {
		c.document = true
	}
	return c.with(f.documents)
}

// with returns the coverage where the document may stand in these places.
func (c coverage) with(documents []*Template) coverage {
	c.elsewhere = slices.ContainsFunc(documents, func(t *Template) bool { return !c.covers(t) })
	return c
}

// add covers the parts that a template inserts.
func (c *coverage) add(t *Template, f *facts) {
	for _, p := range t.parts {
		switch {
		case p.kind == nil:
		case p.kind.from == fromBody, p.kind.from == fromDocument && len(f.documents) == 0:
			c.body = true
		case p.kind.from == fromDocument:
			c.document = true
		case p.name == "url.decoded":
			c.url = true // although an escape and its character look alike
		case p.kind.from == fromURL:
			c.url, c.query, c.path = true, true, true
		case p.kind.from == fromQuery && p.arg == "":
			c.query = true
		case p.kind.from == fromPath:
			c.path = true
			c.single[[2]string{p.name, p.arg}] = true
		default:
			c.single[[2]string{p.name, p.arg}] = true
		}
	}
}

// covers reports whether all of a template's parts are covered.
func (c coverage) covers(t *Template) bool {
	return c.everything || !slices.ContainsFunc(t.parts, func(p part) bool { return !c.coversPart(p) })
}

func (c coverage) coversPart(p part) bool {
	if p.kind == nil || c.single[[2]string{p.name, p.arg}] {
		return true
	}
	switch p.kind.from {
	case fromEndpoint:
		return true
	case fromBody, fromField:
		return c.body
	case fromDocument, fromJSON:
		return c.document || c.body && !c.elsewhere
	case fromURL, fromHost:
		return c.url
	case fromQuery:
		return c.query
	case fromPath:
		return c.path && p.name != "url.base" || c.url
	}
	return false
}
