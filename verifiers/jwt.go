package verifiers

// JWT is the scheme of providers that send a JSON web token, signed with a
// shared secret or a private key. By itself a token says nothing of the request
// that carries it; BodyHash and URLHash bind it. Where nothing does, anybody who
// saw one request can send another body with its token until that expires, which
// [Freshness.Check] judges by what the event says of it.
//
// Nothing that a token says about its own key is believed: not alg beyond the
// list of Algorithms, and of jku, jwk, x5c and x5u nothing at all. A token with
// critical headers is refused, and so is one with a claim that is there twice.
type JWT struct {
	// From is header (the default), bearer (the Authorization header's token),
	// query, form or json.
	From string `json:"from,omitempty"`

	// Names are the header's names, or the query's, the form's, or JSON paths.
	Names []string `json:"names,omitempty"`

	// Prefix stands before the token. OptionalPrefix accepts it without as well.
	Prefix         string `json:"prefix,omitempty"`
	OptionalPrefix bool   `json:"optional_prefix,omitempty"`

	// Algorithms are those that a token may be signed with: HS256, HS384, HS512,
	// RS256, RS384, RS512, ES256, ES384, ES512, EdDSA. There is no default. Where
	// both kinds are allowed, a secret that is a public key verifies no HS.
	Algorithms []string `json:"algorithms,omitempty"`

	// Detached is the payload of a token that leaves it out, as a template over
	// the request. It is then signed content, and there are no claims.
	Detached string `json:"detached,omitempty"`

	// Secret tells how a key of the HS algorithms is made from a secret. For all
	// others a secret is a public key, as in [PublicKey].
	Secret SecretFormat `json:"secret,omitzero"`

	// Keys tells where public keys are fetched from where the endpoint has no
	// secret. Its KeyID is by default that of the token's header.
	Keys Keys `json:"keys,omitzero"`

	// KeyID is a template for the name of the key, such as "{claim:iss}". Where
	// the endpoint names its keys (the option key, one for each secret), only the
	// secret of that name counts.
	KeyID string `json:"key_id,omitempty"`

	// BodyHash and URLHash are claims with a hash of the body and of the URL.
	BodyHash ClaimHash `json:"body_hash,omitzero"`
	URLHash  ClaimHash `json:"url_hash,omitzero"`

	// Facts may use {claim:NAME}. Issuer, audience and the like are conditions
	// of Require and Addressee, where a claim that is a list satisfies a
	// condition if any of its items does.
	Facts

	source KeySource
}

// ClaimHash is a claim that binds a token to a part of the request.
type ClaimHash struct {
	Claim    string `json:"claim,omitempty"`
	Hash     string `json:"hash,omitempty"`     // sha256 is the default
	Encoding string `json:"encoding,omitempty"` // hex (the default), base64 or base64url
	// Optional accepts a token without the claim where the part is empty.
	Optional bool `json:"optional,omitempty"`
}

var (
	_ Fetching = JWT{}
	_ Signer   = JWT{}
)

// WithKeySource returns a copy of the scheme that fetches keys from source.
func (j JWT) WithKeySource(source KeySource) Scheme {
	j.source = source
	return j
}
