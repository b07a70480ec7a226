package verifiers

// PublicKey is the scheme of providers that sign with a private key of theirs:
// Ed25519, ECDSA or RSA over some of the request. Like [HMAC] it is data
// throughout. What an endpoint calls a secret is then the provider's public key:
// PEM (a public key or a certificate), DER in base64, or, for Ed25519, the 32
// bytes in hex or base64.
type PublicKey struct {
	// Algorithm is ed25519, ecdsa (with the signature in ASN.1 DER) or rsa
	// (PKCS #1 v1.5).
	Algorithm string `json:"algorithm,omitempty"`

	// Hash is the hash that ECDSA and RSA sign: sha256 (the default), sha1 (for
	// providers that have nothing else), sha384 or sha512.
	Hash string `json:"hash,omitempty"`

	Signature Signature `json:"signature,omitzero"`

	// Prefixes are cut off a secret where present, such as "whpk_".
	Prefixes []string `json:"prefixes,omitempty"`

	// Content is the signed content, a template over the request. See [Template].
	Content string `json:"signed,omitempty"`

	// Static are keys that the provider publishes and never changes, used where
	// the endpoint has no secret.
	Static []string `json:"static,omitempty"`

	// Keys tells where keys are fetched from where the endpoint has no secret.
	Keys Keys `json:"keys,omitzero"`

	Facts

	// Variants are beginnings of header names; see [HMAC].
	Variants []string `json:"variants,omitempty"`

	source KeySource
}

var (
	_ Fetching = PublicKey{}
	_ Signer   = PublicKey{}
)
