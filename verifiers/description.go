package verifiers

import "slices"

// Description is everything that the gateway, its commands and package explain need of
// a scheme besides its verifier. None of them names a scheme that implements
// [Described].
type Description struct {
	Kind string // hmac, digest, token, ed25519, ecdsa, rsa, jwt, or own for a scheme in code

	// Headers are the canonical names of the headers that it reads. Without
	// [Described] they are not known.
	Headers []string

	// Content is the template of the signed content, if it has one.
	Content string

	// Body: the signature covers the body, or the document in it, as a whole.
	// URL: it covers the URL or a part of it.
	Body, URL bool

	Shared      bool // its secrets are shared ones, not public keys
	SendsSecret bool // a request carries the secret itself, which vouches for all of it
	HasKeys     bool // it verifies without a secret, with keys that it has or fetches
}

// Described is a scheme that describes itself. See [DescriptionOf].
type Described interface {
	Description() Description
}

// DescriptionOf describes a scheme. One that does not implement [Described] is taken
// for code whose signature covers everything.
func DescriptionOf(scheme Scheme) Description {
	if s, ok := scheme.(Described); ok {
		return s.Description()
	}
	return Description{Kind: "own", Body: true, URL: true}
}

// A Place is a location in a request.
type Place struct {
	From string // header, query, form or json
	Name string // of the header, the parameter or the field, or a JSON path
}

// CredentialsOf returns where requests of a scheme carry their signature or token,
// so that they can be hidden wherever a request is shown. It returns nothing for a
// scheme that does not implement [Credentials].
func CredentialsOf(scheme Scheme) []Place {
	s, ok := scheme.(Credentials)
	if !ok {
		return nil
	}
	return slices.Clone(s.Credentials())
}

// placesOf returns the places that the fields From and Names of a scheme describe,
// under each beginning of header names.
func placesOf(from string, names, variants []string) (all []Place) {
	switch from {
	case "":
		from = "header"
	case "bearer", "basic":
		from, names = "header", []string{"Authorization"}
	}
	for _, start := range startsOf(variants) {
		for _, name := range startNames(start, names) {
			all = append(all, Place{from, name})
		}
	}
	return all
}

// headersOf returns the headers of a scheme: those of its credentials, and those in
// its facts and its other templates under each beginning of header names.
func headersOf(credentials []Place, facts Facts, variants []string, templates ...string) (names []string) {
	add := func(name string) {
		if name = canonical(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, p := range credentials {
		if p.From == "header" {
			add(p.Name)
		}
	}
	for _, start := range startsOf(variants) {
		f := facts.variant(start)
		for _, text := range slices.Concat(templates, []string{f.Timestamp.From}, f.EventID, f.EventType) {
			t, err := ParseTemplate(startTokens(start, text))
			if err != nil {
				continue // the scheme's own error reports it
			}
			for _, p := range t.parts {
				if p.name == "header" {
					add(p.arg)
				}
			}
		}
	}
	return names
}

// coversWhole reports whether a signed content covers the body or the document as a
// whole, and whether it covers any of the URL. A content that does not compile counts
// as covering the body: the scheme's own error reports it.
func coversWhole(content string, facts Facts) (body, url bool) {
	t, err := ParseTemplate(content)
	if err != nil {
		return true, false
	}
	url = t.reads(fromURL) || t.reads(fromPath) || t.reads(fromHost) || t.reads(fromQuery)
	compiled, err := facts.compile()
	if err != nil {
		return true, url
	}
	return coverageOf(t, &compiled).body || t.has("document"), url
}
