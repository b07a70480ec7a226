package verifiers

// HMAC is the scheme of most providers: a keyed hash over some of the request,
// found in a header or elsewhere. It is data throughout, so that a provider is
// a literal of this type and an endpoint can override any field of it.
//
// The zero value of each field is the commonest case. Content and
// Signature.Names have no default.
type HMAC struct {
	// Hash names the hash function: sha256 (the default), sha1, sha384, sha512,
	// md5 or, for a digest, keccak256. Several names, separated by commas, allow
	// the sender to choose one of them where the signature's prefix is "{hash}="
	// or HashFrom tells.
	Hash string `json:"hash,omitempty"`

	// HashFrom is where a sender that may choose names the hash: a template, and
	// what each name stands for.
	HashFrom HashChoice `json:"hash_from,omitzero"`

	// Digest makes it a plain hash without a key: Content then has to contain
	// {secret}. Some old schemes are made so.
	Digest bool `json:"digest,omitempty"`

	Signature Signature    `json:"signature,omitzero"`
	Secret    SecretFormat `json:"secret,omitzero"`

	// KeyID is a template for the name of the key that the sender used, such as
	// "{header:X-Key}". Where the endpoint names its keys (the option key, one for
	// each secret), only the secret of that name counts.
	KeyID string `json:"key_id,omitempty"`

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

// HashChoice tells where the sender names the hash it used.
type HashChoice struct {
	From  string            `json:"from,omitempty"`  // a template
	Names map[string]string `json:"names,omitempty"` // the sender's word: sha1, sha256, …
}

// Signature tells where a signature stands and how it is written.
type Signature struct {
	// From is header (the default), query, form or json.
	From string `json:"from,omitempty"`

	// Names are the header's names, or the query's, the form's, or JSON paths.
	// The first that is present counts.
	Names []string `json:"names,omitempty"`

	// All makes every name count that is present: any of their signatures may
	// match.
	All bool `json:"all,omitempty"`

	// Groups parts a value into several, each of which is a whole signature with
	// a list of its own; any may match. Empty: there is one.
	Groups string `json:"groups,omitempty"`

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

	// Keys are the items that hold signatures, such as "v1"; "*" is all of them.
	// Others are left to the template as {param:KEY}. Any of several signatures
	// may match.
	Keys []string `json:"keys,omitempty"`

	// Encoding is hex (the default, upper or lower case; hex_upper is the same but
	// for signing), base64 (padded or not), base64url (padded or not), or
	// base64_hex (the base64 of the hex).
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
	// Normalise is "nfkd" where the text is brought into Unicode's normal form
	// KD first.
	Normalise string `json:"normalise,omitempty"`
	// Hash makes the key a hash of all this, such as sha1.
	Hash string `json:"hash,omitempty"`
	// Named: the secret is written as NAME:SECRET and the part before the colon
	// is the name of the key, for KeyID.
	Named bool `json:"named,omitempty"`
	// Suffix is added to the key.
	Suffix string `json:"suffix,omitempty"`
}

// Facts tell where a request states its event's time, ID and type. All are
// templates (see [Template]), so a place is "{header:X-Id}" or "{json:data.id}"
// and a composite is "{json:event}:{json:task.id}". In an event's ID the
// separator after a part is escaped within it, so that no two lists of parts make
// the same text: "a:b" and "c" are "a%3Ab:c". Of several templates the first whose
// every token is present counts.
type Facts struct {
	Timestamp Timestamp `json:"timestamp,omitzero"`
	EventID   []string  `json:"event_id,omitempty"`
	EventType []string  `json:"event_type,omitempty"`

	// Document is a template for where the JSON document stands, if it is not the
	// body itself: "{form:payload}". Of several the first that is present counts,
	// and the body where none is.
	Document []string `json:"document,omitempty"`

	// Inflate unpacks a body that came with Content-Encoding: gzip before anything
	// is made of it, for senders that sign what they then compress.
	Inflate bool `json:"inflate,omitempty"`

	// Require has what must hold or the signature means something else, such as
	// a header with its version. Otherwise the signature is malformed.
	Require []Condition `json:"require,omitempty"`

	// Addressee has what must hold or the event is somebody else's, where one
	// key signs for everybody. Otherwise the audience is wrong. A condition on an
	// option that the endpoint does not give, holds.
	Addressee []Condition `json:"addressee,omitempty"`

	// Options are what the endpoint gives for the provider's options.
	Options map[string]string `json:"options,omitempty"`
}

// Condition is something that a request says, and what it has to be. With
// nothing but Of it holds where that is present.
type Condition struct {
	Of   string   `json:"of"`             // a template
	Is   []string `json:"is,omitempty"`   // any of these; "{option:NAME}" is any value of that option
	Like string   `json:"like,omitempty"` // a regular expression that all of it has to match

	// Begins is what it has to begin with, after white space: of a whole body this
	// is cheap to tell, where an expression would read all of it.
	Begins string `json:"begins,omitempty"`

	// Absent makes it hold where nothing is there.
	Absent bool `json:"absent,omitempty"`
	// Fold ignores the case of letters.
	Fold bool `json:"fold,omitempty"`
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
	// Format is unix (seconds, the default), unix_ms, unix_auto (seconds or
	// milliseconds, by size), rfc3339, rfc1123 or datetime (2006-01-02 15:04:05,
	// UTC).
	Format string `json:"format,omitempty"`
}
