package verifiers

import (
	"context"
	"slices"
	"strings"
)

// variants are the verifiers of a scheme with several sets of header names.
type variants []*hmacVerifier

// Verify checks a request under the first set of names of which it has all.
// Where none is whole, the one with the signature is judged.
func (all variants) Verify(ctx context.Context, r *Request) (Event, error) {
	best, most := all[0], 0
	for _, v := range all {
		n := v.countHeaders(r)
		if n == len(v.needs) {
			return v.Verify(ctx, r)
		}
		if n > most && v.signature.present(r) {
			best, most = v, n
		}
	}
	return best.Verify(ctx, r)
}

// countHeaders returns how many of the headers that v needs are there.
func (v *hmacVerifier) countHeaders(r *Request) (n int) {
	for _, name := range v.needs {
		if len(r.Header[name]) > 0 && r.Header[name][0] != "" {
			n++
		}
	}
	return n
}

// variant puts the beginning of header names in its place.
func (h HMAC) variant(start string) HMAC {
	name := func(names []string) []string {
		names = slices.Clone(names)
		for i, n := range names {
			if rest, ok := strings.CutPrefix(n, "*"); ok {
				names[i] = start + rest
			}
		}
		return names
	}
	token := func(texts []string) []string {
		texts = slices.Clone(texts)
		for i, t := range texts {
			texts[i] = strings.ReplaceAll(t, "{header:*", "{header:"+start)
		}
		return texts
	}
	h.Variants = nil
	h.Signature.Names = name(h.Signature.Names)
	h.Content = token([]string{h.Content})[0]
	h.Timestamp.From = token([]string{h.Timestamp.From})[0]
	h.EventID, h.EventType = token(h.EventID), token(h.EventType)
	return h
}

// listNeeds makes out which headers have to be there.
func (v *hmacVerifier) listNeeds() {
	if v.signature.From == "header" && len(v.signature.Names) == 1 {
		v.needs = append(v.needs, v.signature.Names[0])
	}
	needed := []*Template{v.content}
	if v.usesTime {
		needed = append(needed, v.facts.time.Template)
	}
	if v.usesID && len(v.facts.ids) == 1 {
		needed = append(needed, v.facts.ids[0].Template)
	}
	for _, t := range needed {
		for _, p := range t.parts {
			if p.name == "header" {
				v.needs = append(v.needs, p.arg)
			}
		}
	}
}
