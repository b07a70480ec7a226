package verifiers

// SignsBody tells whether the signature of a scheme covers the body or the
// document in it, as a whole. Tokens vouch for all that comes with them, and of a
// scheme in code it is assumed.
func SignsBody(scheme Scheme) bool {
	content := ""
	var facts Facts
	switch s := scheme.(type) {
	case HMAC:
		content, facts = s.Content, s.Facts
	case PublicKey:
		content, facts = s.Content, s.Facts
	case JWT:
		if s.BodyHash.Claim != "" {
			return true
		}
		content, facts = s.Detached, s.Facts
	default:
		return true
	}
	t, err := ParseTemplate(content)
	if err != nil {
		return true // which the scheme's own error tells
	}
	compiled, err := facts.compile()
	if err != nil {
		return true
	}
	return coverageOf(t, &compiled).body || t.has("document")
}
