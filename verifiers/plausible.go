package verifiers

import "strings"

// Plausible is what a [Verifier] may implement besides, for a gateway that is short
// of memory. It tells from the headers and the URL alone, without the body, whether
// a request can carry a signature of the scheme that is well-formed. It proves
// nothing: anybody can send a well-formed signature.
type Plausible interface {
	Plausible(r *Request) bool
}

// Plausible tells whether the headers that the signature needs are there, and
// whether a signature outside the body can be read.
func (s *signed) Plausible(r *Request) bool {
	if s.countHeaders(r) < len(s.needs) {
		return false
	}
	if !outsideBody(s.signature.From) {
		return true
	}
	var st signedState
	st.in.start(withoutBody(r))
	return s.signature.find(&st.in, &st.found) == nil
}

// Plausible tells whether the request is plausible under one set of names.
func (all variants) Plausible(r *Request) bool {
	for _, v := range all {
		if v.parts().Plausible(r) {
			return true
		}
	}
	return false
}

// Plausible tells whether there is a token.
func (v *tokenVerifier) Plausible(r *Request) bool {
	_, known := v.early(r)
	return known
}

// early finds the token, unless it stands in the body. It also reports whether the
// request is plausible so far.
func (v *tokenVerifier) early(r *Request) (token string, plausible bool) {
	if v.place != nil && !outsideBody(v.from) {
		return "", true
	}
	var in reading
	in.start(withoutBody(r))
	token, err := v.find(&in)
	return token, err == nil && len(token) <= maxSignatureValue
}

// Plausible tells whether there is a token of three parts.
func (v *jwtVerifier) Plausible(r *Request) bool {
	token, plausible := v.place.early(r)
	return plausible && (token == "" || strings.Count(token, ".") == 2)
}

func outsideBody(from string) bool { return from == "header" || from == "query" }

// withoutBody is the part of a request that has arrived before its body.
func withoutBody(r *Request) *Request {
	return &Request{Method: r.Method, URL: r.URL, Header: r.Header}
}
