package verifiers

// HMAC is the scheme of most providers: a keyed hash over some of the request,
// found in a header or elsewhere. It is data throughout, so that a provider is
// a literal of this type and an endpoint can override any field of it.
//
// The zero value of each field is the commonest case. Content and
// Signature.Names have no default.
type HMAC struct {
	// Hash names the hash function: sha256 (the default), sha1, sha384, sha512
	// or md5. Several names, separated by commas, allow the sender to choose one
	// of them where the signature's prefix is "{hash}=".
	Hash string `json:"hash,omitempty"`

	// Digest makes it a plain hash without a key: Content then has to contain
	// {secret}. Some old schemes are made so.
	Digest bool `json:"digest,omitempty"`

	Signature Signature    `json:"signature,omitzero"`
	Secret    SecretFormat `json:"secret,omitzero"`

	// Content is the signed content, a template over the request. See [Template].
	Content string `json:"signed,omitempty"`

	Facts

	// Variants are beginnings of header names, such as "svix-" and "webhook-".
	// The "*" that starts a header's name in any of the fields above stands for
	// one and the same of them throughout: for the first for which the request
	// has every header that the signature needs.
	Variants []string `json:"variants,omitempty"`
}

var (
	_ Scheme = HMAC{}
	_ Signer = HMAC{}
)

// Signature tells where a signature stands and how it is written.
type Signature struct {
	// From is header (the default), query, form or json.
	From string `json:"from,omitempty"`

	// Names are the header's names, or the query's, the form's, or JSON paths.
	// The first that is present counts.
	Names []string `json:"names,omitempty"`

	// Prefix stands before the signature, such as "sha256=", or before the whole
	// of a list. A signature without it is malformed. "{hash}" in it stands for
	// the hash that the sender chose.
	Prefix string `json:"prefix,omitempty"`

	// OptionalPrefix accepts a signature without the prefix as well.
	OptionalPrefix bool `json:"optional_prefix,omitempty"`

	// Separator parts the items of a list, such as "," or " ". Space around
	// items is ignored, and so are empty items. Empty: the value is one item.
	Separator string `json:"separator,omitempty"`

	// Assign parts an item's key from its value at its first occurrence, such as
	// "=". Empty with a separator: items are known by position, "0" first.
	Assign string `json:"assign,omitempty"`

	// Keys are the items that hold signatures, such as "v1". Others are left to
	// the template as {param:KEY}. Any of several signatures may match.
	Keys []string `json:"keys,omitempty"`

	// Encoding is hex (the default, upper or lower case), base64 (padded or
	// not), base64url (padded or not), or base64_hex (the base64 of the hex).
	Encoding string `json:"encoding,omitempty"`

	// Repeated allows the header to occur more than once; any may match.
	// Otherwise a repeated header is malformed.
	Repeated bool `json:"repeated,omitempty"`

	// Layout is how the provider writes the value, for [HMAC.Sign]: a text with
	// {timestamp}, {id} and {signature}, such as "t={timestamp}, v1={signature}".
	// Default: prefix, then the time and the ID where they are items of the
	// list, then the first of Keys, joined by Separator.
	Layout string `json:"layout,omitempty"`
}

// SecretFormat tells how the key is made from what the user pastes.
type SecretFormat struct {
	// Prefixes are cut off where present, in order, such as "whsec_".
	Prefixes []string `json:"prefixes,omitempty"`
	// Encoding is utf8 (the default), base64 (any alphabet, padded or not) or hex.
	Encoding string `json:"encoding,omitempty"`
	// Unprefixed is the encoding of a secret that bears none of the prefixes.
	// Default: as Encoding.
	Unprefixed string `json:"unprefixed,omitempty"`
	// Suffix is added to the key.
	Suffix string `json:"suffix,omitempty"`
}

// Facts tell where a request states its event's time, ID and type. All are
// templates (see [Template]), so a place is "{header:X-Id}" or "{json:data.id}"
// and a composite is "{json:event}:{json:task.id}". Of several the first whose
// every token is present counts.
type Facts struct {
	Timestamp Timestamp `json:"timestamp,omitzero"`
	EventID   []string  `json:"event_id,omitempty"`
	EventType []string  `json:"event_type,omitempty"`
}

// Timed tells whether requests are said to carry a time.
func (f Facts) Timed() bool { return f.Timestamp.From != "" }

// Identified tells whether requests are said to carry an event ID.
func (f Facts) Identified() bool { return len(f.EventID) > 0 }

// Timestamp tells where the time stands and how it is written.
type Timestamp struct {
	// From is a template, such as "{header:X-Timestamp}" or, for an item of the
	// signature, "{param:t}".
	From string `json:"from,omitempty"`
	// Format is unix (seconds, the default), unix_ms, rfc3339 or rfc1123.
	Format string `json:"format,omitempty"`
}
