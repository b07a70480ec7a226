package verifiers

import (
	"context"
	"slices"
	"strings"
)

// variant is the verifier of a scheme with one set of header names.
type variant interface {
	Verifier
	parts() *signed
}

// variants are the verifiers of a scheme with several sets of header names.
type variants []variant

// compileVariants compiles a scheme for each beginning of header names, or as it
// is where there are none.
func compileVariants(starts []string, compile func(start string) (variant, error)) (Verifier, error) {
	if len(starts) == 0 {
		return compile("")
	}
	var all variants
	for _, start := range starts {
		v, err := compile(start)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Verify checks a request under the first set of names of which it has all.
// Where none is whole, the one with the signature is judged.
func (all variants) Verify(ctx context.Context, r *Request) (Event, error) {
	return all.suiting(r).Verify(ctx, r)
}

// suiting returns the verifier for the names that a request uses.
func (all variants) suiting(r *Request) variant {
	best, most := all[0], 0
	for _, v := range all {
		s := v.parts()
		n := s.countHeaders(r)
		if n == len(s.needs) {
			return v
		}
		if n > most && s.signature.present(r) {
			best, most = v, n
		}
	}
	return best
}

func (s *signed) parts() *signed { return s }

// countHeaders returns how many of the headers that are needed are there.
func (s *signed) countHeaders(r *Request) (n int) {
	for _, name := range s.needs {
		if len(r.Header[name]) > 0 && r.Header[name][0] != "" {
			n++
		}
	}
	return n
}

func (f Facts) variant(start string) Facts {
	all := func(texts []string) []string {
		texts = slices.Clone(texts)
		for i, t := range texts {
			texts[i] = startTokens(start, t)
		}
		return texts
	}
	conditions := func(of []Condition) []Condition {
		of = slices.Clone(of)
		for i := range of {
			of[i].Of = startTokens(start, of[i].Of)
		}
		return of
	}
	f.Timestamp.From = startTokens(start, f.Timestamp.From)
	f.EventID, f.EventType, f.Document = all(f.EventID), all(f.EventType), all(f.Document)
	f.Require, f.Addressee = conditions(f.Require), conditions(f.Addressee)
	return f
}

// startsOf returns the beginnings of header names to go through: the empty one where
// a scheme has no variants.
func startsOf(variants []string) []string {
	if len(variants) == 0 {
		return []string{""}
	}
	return variants
}

func startNames(start string, names []string) []string {
	names = slices.Clone(names)
	for i, n := range names {
		if rest, ok := strings.CutPrefix(n, "*"); ok {
			names[i] = start + rest
		}
	}
	return names
}

func startTokens(start, text string) string {
	return strings.ReplaceAll(text, "{header:*", "{header:"+start)
}

// listNeeds derives the headers without which there can be no signature.
func (s *signed) listNeeds() {
	if s.signature.From == "header" && len(s.signature.Names) == 1 {
		s.needs = append(s.needs, s.signature.Names[0])
	}
	needed := []*Template{s.content}
	if s.usesTime {
		needed = append(needed, s.facts.time.Template)
	}
	if s.usesID && len(s.facts.ids) == 1 {
		needed = append(needed, s.facts.ids[0].Template)
	}
	for _, t := range needed {
		for _, p := range t.parts {
			if p.name == "header" {
				s.needs = append(s.needs, p.arg)
			}
		}
	}
}

// Plausible reports whether the request is plausible under one of the sets of names.
func (all variants) Plausible(r *Request) bool {
	for _, v := range all {
		if v.parts().Plausible(r) {
			return true
		}
	}
	return false
}
