package verifiers

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// headers tries the request with headers under the names that the scheme looks
// for, where others resemble them: words parted otherwise, or something put in
// front.
func (x *explainer) headers() {
	was := x.renamed()
	if len(x.found) > 0 || len(was) == 0 || !accepts(x.scheme, x.secrets, x.under(was)) {
		return
	}
	names := make([]string, 0, len(was))
	for have := range was {
		names = append(names, have)
	}
	slices.Sort(names)
	var called []string
	for _, have := range names { // those without which it would be refused
		want := was[have]
		delete(was, have)
		if !accepts(x.scheme, x.secrets, x.under(was)) {
			was[have] = want
			called = append(called, strconv.Quote(have)+" is called "+want)
		}
	}
	if len(called) > 0 {
		x.found = append(x.found, "It verifies once the header "+strings.Join(called, ", and ")+". Something on the way has renamed it.")
	}
}

// renamed guesses what headers were called before something on the way gave them
// another name.
func (x *explainer) renamed() map[string]string {
	was := make(map[string]string)
	wanted := headerNames(x.scheme)
	for have := range x.r.Header {
		for _, want := range wanted {
			if x.r.Header.Get(want) == "" && strings.HasSuffix(plainName(have), plainName(want)) {
				was[have] = want
			}
		}
		if plain := canonical(strings.NewReplacer("_", "-", ".", "-").Replace(have)); len(wanted) == 0 && plain != have {
			was[have] = plain
		}
	}
	return was
}

// under is the request with its headers under the names that they had.
func (x *explainer) under(was map[string]string) *Request {
	r := *x.r
	r.Header = x.r.Header.Clone()
	for have, want := range was {
		r.Header[want] = r.Header[have]
	}
	return &r
}

// values tries what proxies and frameworks do to the value of a header.
func (x *explainer) values() {
	for _, name := range slices.Sorted(maps.Keys(x.r.Header)) {
		values := x.r.Header[name]
		if len(values) != 1 {
			continue
		}
		for _, change := range []struct {
			value, sentence string
		}{
			{strings.Trim(values[0], `"'`), "without quotation marks around it"},
			{unescapedValue(values[0]), "with its %XX decoded"},
			{lowerPrefix(values[0]), "with what stands before the = in lower case"},
			{"Bearer " + values[0], "with Bearer before it"},
			{strings.TrimPrefix(values[0], "Bearer "), "without the word Bearer"},
		} {
			if change.value == values[0] {
				continue
			}
			r := *x.r
			r.Header = x.r.Header.Clone()
			r.Header[name] = []string{change.value}
			x.try(x.scheme, x.secrets, &r, "It verifies with the header "+name+" "+change.sentence+
				". Something on the way has changed it, or the sender writes it otherwise.")
		}
	}
}

func unescapedValue(value string) string {
	plain, err := url.PathUnescape(value)
	if err != nil {
		return value
	}
	return plain
}

func lowerPrefix(value string) string {
	prefix, rest, found := strings.Cut(value, "=")
	if !found {
		return value
	}
	return strings.ToLower(prefix) + "=" + rest
}

// plainName is a header's name without what proxies and servers change in it.
func plainName(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(name))
}

// variantNames are the names of all headers under any of the beginnings.
func variantNames(starts []string, variant func(start string) Scheme) (names []string) {
	for _, start := range starts {
		names = append(names, headerNames(variant(start))...)
	}
	return names
}

// signatureNames are the headers of a signature.
func signatureNames(s Signature) []string {
	if s.From != "" && s.From != "header" {
		return nil
	}
	return slices.Clone(s.Names)
}

// besides are the facts with another template that is read with them.
func (f Facts) besides(content string) Facts {
	f.EventType = append(slices.Clone(f.EventType), content)
	return f
}

// headerNames are the names of all headers that a scheme looks for.
func headerNames(scheme Scheme) []string {
	var names []string
	var facts Facts
	switch s := scheme.(type) {
	case HMAC:
		if len(s.Variants) > 0 {
			return variantNames(s.Variants, func(start string) Scheme { return s.variant(start) })
		}
		names, facts = signatureNames(s.Signature), s.Facts.besides(s.Content)
	case PublicKey:
		if len(s.Variants) > 0 {
			return variantNames(s.Variants, func(start string) Scheme { return s.variant(start) })
		}
		names, facts = signatureNames(s.Signature), s.Facts.besides(s.Content)
	case Token:
		names = append(names, tokenHeaders(s.From, s.Names)...)
		facts = s.Facts
	case JWT:
		names = append(names, tokenHeaders(s.From, s.Names)...)
		facts = s.Facts
	}
	for _, text := range slices.Concat([]string{facts.Timestamp.From}, facts.EventID, facts.EventType) {
		if t, err := ParseTemplate(text); err == nil {
			for _, p := range t.parts {
				if p.name == "header" {
					names = append(names, p.arg)
				}
			}
		}
	}
	for i := range names {
		names[i] = canonical(names[i])
	}
	return names
}

// tokenHeaders are the headers that may hold a token.
func tokenHeaders(from string, names []string) []string {
	switch from {
	case "", "header":
		return names
	case "bearer", "basic":
		return []string{"Authorization"}
	}
	return nil
}
