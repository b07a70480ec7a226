package verifiers

import (
	"context"
	"net/http"
	"time"
)

// Keys tells where a provider publishes its keys.
type Keys struct {
	// URL is where the keys are: a template, and a constant for most.
	URL string `json:"url,omitempty"`

	// Pin has regular expressions, one of which the whole URL has to match. A URL
	// that is not constant needs one: nothing else stands between the sender and
	// the choice of the key.
	Pin []string `json:"pin,omitempty"`

	// Method, Header and Body are those of the request for the keys; default GET.
	// Header's values and Body are templates, as for {option:api_key}.
	Method string            `json:"method,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`

	// Format is jwks (the default), pem (a key or certificate, or several), or
	// json (a document with a key at Path: PEM, DER in base64, or a JWK).
	Format string `json:"format,omitempty"`
	Path   string `json:"path,omitempty"`

	// KeyID is a template for the ID of the key among those of a key set. Without
	// one any of them may have signed.
	KeyID string `json:"key_id,omitempty"`
}

// A Fetching scheme needs keys from the network. WithKeySource returns a copy
// that has them from source; without one no request can be judged.
type Fetching interface {
	Scheme
	WithKeySource(source KeySource) Scheme
}

// A KeySource fetches the documents in which providers publish their keys. It
// fetches over https only, from nowhere but what the request pins, remembers
// what it fetched, and goes on with the last good answer while a provider
// cannot be reached. An error wraps [UnavailableKey]. It is safe for concurrent
// use.
type KeySource interface {
	Fetch(ctx context.Context, r KeyRequest) (KeyDocument, error)
}

// KeyRequest asks for a document.
type KeyRequest struct {
	Method string // "": GET
	URL    string
	Header http.Header
	Body   []byte
	Pin    []string      // regular expressions, one of which the whole of URL has to match; none: URL is the row's own
	TTL    time.Duration // how long to keep the answer; 0: as its Cache-Control says, within limits

	// After is the version of a document in which the key was not found: only a
	// later one is of use. The source still decides how often it asks, and
	// answers with what it has where it asked only just now. Where it should
	// have asked and could not, it fails: the key may well be a new one.
	After uint64

	// Credential is sent as the Authorization header. Unlike Header it is not part
	// of the document's name, so that the document outlives a token that is renewed.
	Credential string

	// Fixed: nothing of a received request is in this one. The others are limited
	// together per source, since a stranger can name any number of documents.
	Fixed bool

	// Valid fails on an answer that is of no use, such as an error page that came
	// with status 200: it must not take the place of a good one. Nil: all are.
	Valid func(document []byte) error
}

// KeyDocument is an answer. Version grows with every answer that was fetched.
type KeyDocument struct {
	Body    []byte
	Version uint64
}
