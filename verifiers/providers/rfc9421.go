package providers

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"net/http"
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"

	"github.com/hookwicket/hookwicket/verifiers"
)

// This file reads HTTP message signatures (RFC 9421) and digests (RFC 9530). The
// libraries there are for them read the clock, and leave out some of the checks
// that a row here promises; the syntax, which is most of it, is a library's.

// maxMessageSignatures bounds how many signatures of a request are looked at.
const maxMessageSignatures = 4

// messageSignature is one of a request's signatures, not yet verified.
type messageSignature struct {
	base      string // the signed text
	signature []byte
	covered   []string // the components, without parameters
	keyID     string
	algorithm string // empty where it does not say
	created   int64  // 0 where it does not say
	expires   int64
}

// messageSignatures returns the signatures of a request, each with its signed text.
func messageSignatures(r *verifiers.Request) ([]messageSignature, error) {
	malformed := func(detail string) error { return verifiers.Refuse(verifiers.MalformedSignature, "%s", detail) }
	var fields [2]*httpsfv.Dictionary
	for i, name := range []string{"Signature", "Signature-Input"} {
		text, err := verifiers.HeaderOf(r, name)
		if err != nil {
			return nil, err
		}
		if fields[i], err = httpsfv.UnmarshalDictionary([]string{text}); err != nil {
			return nil, malformed("the header " + name + " is not a dictionary")
		}
	}
	labels := fields[0].Names()
	if len(labels) == 0 || len(labels) > maxMessageSignatures {
		return nil, malformed("no signature, or too many")
	}
	var all []messageSignature
	for _, label := range labels {
		member, _ := fields[0].Get(label)
		item, _ := member.(httpsfv.Item)
		signature, ok := item.Value.([]byte)
		member, _ = fields[1].Get(label)
		input, found := member.(httpsfv.InnerList)
		if !ok || !found {
			return nil, malformed("a signature is not one, or does not list its parts")
		}
		m := messageSignature{signature: signature}
		if !m.read(r, input) {
			return nil, malformed("a signature is of something that the request does not have, or that is not known here")
		}
		all = append(all, m)
	}
	return all, nil
}

// read makes the signature base (section 2.5).
func (m *messageSignature) read(r *verifiers.Request, input httpsfv.InnerList) bool {
	var base strings.Builder
	for _, item := range input.Items {
		name, ok := item.Value.(string)
		if !ok || len(item.Params.Names()) > 0 || len(m.covered) == maxSignedHeaders || slices.Contains(m.covered, name) {
			return false // parameters change the signed text, and no sender is known to use any
		}
		value, ok := componentOf(r, name)
		identifier, err := httpsfv.Marshal(item)
		if !ok || err != nil || strings.ContainsAny(value, "\r\n") {
			return false
		}
		m.covered = append(m.covered, name)
		base.WriteString(identifier + ": " + value + "\n")
	}
	parameters, err := httpsfv.Marshal(input)
	if err != nil {
		return false
	}
	m.base = base.String() + `"@signature-params": ` + parameters
	for name, to := range map[string]*string{"keyid": &m.keyID, "alg": &m.algorithm} {
		if value, given := input.Params.Get(name); given {
			var ok bool
			if *to, ok = value.(string); !ok {
				return false
			}
		}
	}
	for name, to := range map[string]*int64{"created": &m.created, "expires": &m.expires} {
		if value, given := input.Params.Get(name); given {
			var ok bool
			if *to, ok = value.(int64); !ok || *to <= 0 {
				return false
			}
		}
	}
	return true
}

// componentOf returns the value of a component: a header (section 2.1), or
// something of the request line (section 2.2).
func componentOf(r *verifiers.Request, name string) (string, bool) {
	switch name {
	case "@method":
		return r.Method, true
	case "@target-uri":
		return r.URL, true
	case "@authority":
		host := strings.ToLower(verifiers.HostOf(r.URL))
		return strings.TrimSuffix(host, ":443"), host != ""
	case "@path":
		return verifiers.PathOf(r.URL), true
	}
	if name == "" || name != strings.ToLower(name) || name[0] == '@' {
		return "", false
	}
	values := r.Header[http.CanonicalHeaderKey(name)]
	trimmed := make([]string, len(values))
	for i, value := range values {
		trimmed[i] = strings.Trim(value, " \t")
	}
	return strings.Join(trimmed, ", "), len(values) > 0
}

// checkDigest holds the body against Content-Digest. Every digest that is known
// here has to be the body's, and one has to be.
func checkDigest(r *verifiers.Request) error {
	text, err := verifiers.HeaderOf(r, "Content-Digest")
	if err != nil {
		return err
	}
	digests, err := httpsfv.UnmarshalDictionary([]string{text})
	if err != nil {
		return verifiers.Refuse(verifiers.MalformedSignature, "Content-Digest is not a dictionary")
	}
	sum256, sum512 := sha256.Sum256(r.Body), sha512.Sum512(r.Body)
	known := 0
	for name, sum := range map[string][]byte{"sha-256": sum256[:], "sha-512": sum512[:]} {
		member, given := digests.Get(name)
		if !given {
			continue
		}
		item, _ := member.(httpsfv.Item)
		if digest, _ := item.Value.([]byte); !bytes.Equal(digest, sum) {
			return verifiers.Refuse(verifiers.WrongSignature, "Content-Digest is that of another body")
		}
		known++
	}
	if known == 0 {
		return verifiers.Refuse(verifiers.MalformedSignature, "Content-Digest has neither sha-256 nor sha-512")
	}
	return nil
}
