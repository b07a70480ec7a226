package explain

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// encodings are those of a signature that are tried.
var encodings = []string{"hex", "base64", "base64url"}

// maxFormats limits the headers in which a signature in another format is looked for.
const maxFormats = 4

// formats tries other hashes and encodings, in every header that may hold a
// signature.
func (x *explainer) formats() {
	if p, ok := x.scheme.(verifiers.PublicKey); ok {
		x.publicKeys(p)
		return
	}
	h, ok := x.scheme.(verifiers.HMAC)
	if !ok || h.Signature.From != "" && h.Signature.From != "header" {
		return
	}
	for _, name := range x.signatureHeaders() {
		for _, hash := range []string{"sha256", "sha1", "sha512", "sha384", "md5"} {
			for _, enc := range encodings {
				what := "the hash " + hash + " in " + enc
				own := slices.Contains(x.about.Headers, name)
				if !own {
					what += " from the header " + name
				}
				h := h
				h.Hash, h.Signature.Encoding = hash, enc
				if !own {
					h.Signature.Names, h.Variants = []string{name}, nil
				}
				if !x.tryFormat(h, what) {
					x.bare(h, name, what)
				}
			}
		}
	}
}

// publicKeys tries other hashes and encodings under the same keys.
func (x *explainer) publicKeys(p verifiers.PublicKey) {
	hashes := []string{"sha256", "sha1", "sha384", "sha512"}
	if p.Algorithm == "ed25519" {
		hashes = []string{""}
	}
	for _, hash := range hashes {
		for _, enc := range encodings {
			p := p
			p.Hash, p.Signature.Encoding = hash, enc
			what := "the signature read as " + enc
			if hash != "" {
				what = "the hash " + hash + " in " + enc
			}
			x.tryFormat(p, what)
		}
	}
}

func (x *explainer) tryFormat(s verifiers.Scheme, what string) bool {
	return x.try(s, x.Secrets, x.r, "It verifies with "+what+". The endpoint expects it otherwise: is it the right provider?")
}

// bare tries a header that holds one signature, behind a prefix or not.
func (x *explainer) bare(h verifiers.HMAC, name, what string) {
	if len(h.Variants) > 0 {
		h.Variants = h.Variants[:1]
	}
	for _, prefix := range []string{"", "sha256=", "sha1=", "sha512=", "v1=", "v0="} {
		h.Signature = verifiers.Signature{Names: []string{name}, Encoding: h.Signature.Encoding, Prefix: prefix}
		if prefix == "" {
			x.tryFormat(h, what+", alone")
		} else {
			x.tryFormat(h, what+", after "+strconv.Quote(prefix))
		}
	}
}

// signatureHeaders are the names of headers that may hold a signature, those of the
// scheme first.
func (x *explainer) signatureHeaders() (names []string) {
	for name := range x.r.Header {
		low := strings.ToLower(name)
		if strings.Contains(low, "sign") || strings.Contains(low, "hmac") || strings.Contains(low, "sha") || strings.Contains(low, "digest") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if own := slices.Contains(x.about.Headers, b); own != slices.Contains(x.about.Headers, a) {
			if own {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	return names[:min(len(names), maxFormats)]
}
