package verifiers

import "slices"

// A Place is where something stands in a request.
type Place struct {
	From string // header, query, form or json
	Name string // of the header, the parameter or the field, or a JSON path
}

// Credentials tells where requests of a scheme carry their signature or token,
// so that whoever shows a request can leave it out. Schemes in code may tell by
// a method Credentials of their own.
func Credentials(scheme Scheme) []Place {
	places := func(from string, names []string) (all []Place) {
		switch from {
		case "":
			from = "header"
		case "bearer", "basic":
			from, names = "header", []string{"Authorization"}
		}
		for _, name := range names {
			all = append(all, Place{from, name})
		}
		return all
	}
	of := func(starts []string, s Signature, variant func(string) Signature) (all []Place) {
		if len(starts) == 0 {
			return places(s.From, s.Names)
		}
		for _, start := range starts {
			v := variant(start)
			all = append(all, places(v.From, v.Names)...)
		}
		return all
	}
	switch s := scheme.(type) {
	case HMAC:
		return of(s.Variants, s.Signature, func(start string) Signature { return s.variant(start).Signature })
	case PublicKey:
		return of(s.Variants, s.Signature, func(start string) Signature { return s.variant(start).Signature })
	case Token:
		all := places(s.From, s.Names)
		if s.Query != "" {
			all = append(all, Place{"query", s.Query})
		}
		return all
	case JWT:
		return places(s.From, s.Names)
	case interface{ Credentials() []Place }:
		return slices.Clone(s.Credentials())
	}
	return nil
}
