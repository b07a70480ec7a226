package verifiers

// coverage is what a signature covers.
type coverage struct {
	everything bool
	body, url  bool
	query      bool
	path       bool
	single     map[[2]string]bool // tokens of which only they are covered: name and argument
}

// coverageOf reads a coverage off the signed content. Where the content has
// {timestamp} or {id}, the places they come from are covered too.
func coverageOf(content *Template, f *facts) coverage {
	c := coverage{single: map[[2]string]bool{}}
	add := func(t *Template) {
		for _, p := range t.parts {
			switch {
			case p.kind == nil:
			case p.kind.from == fromBody:
				c.body = true
			case p.kind.from == fromURL:
				c.url, c.query, c.path = true, true, true
			case p.kind.from == fromQuery && p.arg == "":
				c.query = true
			case p.kind.from == fromPath:
				c.path = true
			default:
				c.single[[2]string{p.name, p.arg}] = true
			}
		}
	}
	add(content)
	if content.has("timestamp") && f.time != nil {
		add(f.time.Template)
	}
	// Of several places of the ID it is not known beforehand which one will be
	// signed, so then only {id} itself is covered, which facts.cover allows for.
	if content.has("id") && len(f.ids) == 1 {
		add(f.ids[0].Template)
	}
	return c
}

// covers tells whether all of a template's parts are covered.
func (c coverage) covers(t *Template) bool {
	if c.everything {
		return true
	}
	for _, p := range t.parts {
		if p.kind == nil || c.single[[2]string{p.name, p.arg}] {
			continue
		}
		switch p.kind.from {
		case fromBody, fromField, fromJSON:
			if c.body {
				continue
			}
		case fromURL:
			if c.url {
				continue
			}
		case fromQuery:
			if c.query {
				continue
			}
		case fromPath:
			if c.path {
				continue
			}
		}
		return false
	}
	return true
}
