package verifiers

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// schemes tries other hashes and encodings, in every header that may hold a
// signature.
func (x *explainer) schemes() {
	if p, ok := x.scheme.(PublicKey); ok {
		x.publicKeys(p)
		return
	}
	h, ok := x.scheme.(HMAC)
	if !ok || h.Signature.From != "" && h.Signature.From != "header" {
		return
	}
	names := headerNames(h)
	for _, name := range signatureHeaders(x.r.Header) {
		for _, hash := range []string{"sha256", "sha1", "sha512", "sha384", "md5"} {
			for _, enc := range []encoding{encHex, encBase64, encBase64URL} {
				what := "the hash " + hash + " in " + string(enc)
				if !slices.Contains(names, name) {
					what += " from the header " + name
				}
				h := h
				h.Hash, h.Signature.Encoding = hash, string(enc)
				if !slices.Contains(names, name) {
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
func (x *explainer) publicKeys(p PublicKey) {
	hashes := []string{"sha256", "sha1", "sha384", "sha512"}
	if p.Algorithm == "ed25519" {
		hashes = []string{""}
	}
	for _, hash := range hashes {
		for _, enc := range []encoding{encHex, encBase64, encBase64URL} {
			p := p
			p.Hash, p.Signature.Encoding = hash, string(enc)
			what := "the signature read as " + string(enc)
			if hash != "" {
				what = "the hash " + hash + " in " + string(enc)
			}
			x.tryFormat(p, what)
		}
	}
}

func (x *explainer) tryFormat(s Scheme, what string) bool {
	return x.try(s, x.secrets, x.r, "It verifies with "+what+". The endpoint expects it otherwise: is it the right provider?")
}

// bare tries a header that holds one signature, behind a prefix or not.
func (x *explainer) bare(h HMAC, name, what string) {
	if len(h.Variants) > 0 {
		h = h.variant(h.Variants[0])
	}
	for _, prefix := range []string{"", "sha256=", "sha1=", "sha512=", "v1=", "v0="} {
		h.Signature = Signature{Names: []string{name}, Encoding: h.Signature.Encoding, Prefix: prefix}
		if prefix == "" {
			x.tryFormat(h, what+", alone")
		} else {
			x.tryFormat(h, what+", after "+strconv.Quote(prefix))
		}
	}
}

// signatureHeaders are the names of headers that may hold a signature.
func signatureHeaders(header http.Header) []string {
	var names []string
	for name := range header {
		low := strings.ToLower(name)
		if strings.Contains(low, "sign") || strings.Contains(low, "hmac") || strings.Contains(low, "sha") || strings.Contains(low, "digest") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// clocks tries other formats of the time.
func (x *explainer) clocks() {
	_, notSeconds := withClock(x.scheme, clockUnix)
	_, notMilliseconds := withClock(x.scheme, clockUnixMS)
	for _, format := range clocks {
		if scheme, ok := withClock(x.scheme, format); ok {
			sentence := units[format]
			if sentence == "" || notSeconds && notMilliseconds {
				sentence = "It verifies with its time read in the format " + string(format) + "."
			}
			x.try(scheme, x.secrets, x.r, sentence)
		}
	}
}

// units are the formats that are taken for each other.
var units = map[clock]string{
	clockUnix:   "The time is in seconds, where the endpoint expects milliseconds.",
	clockUnixMS: "The time is in milliseconds, where the endpoint expects seconds.",
}

// units finds times that are off by a factor of a thousand.
func (x *explainer) units() {
	for format, sentence := range units {
		scheme, ok := withClock(x.scheme, format)
		if !ok {
			continue
		}
		v, err := scheme.Verifier(x.secrets...)
		if err != nil {
			continue
		}
		// A second count read as milliseconds lies in 1970.
		if ev, err := v.Verify(context.Background(), x.r); err == nil && ev.Timestamp.Year() > 2001 && x.year() <= 1970 {
			x.found = append(x.found, sentence)
		}
	}
}

// lastYear is what stands for a time that cannot be read.
const lastYear = 9999

// year is that of the request's time as the scheme reads it.
func (x *explainer) year() int {
	v, err := x.scheme.Verifier(x.secrets...)
	if err != nil {
		return lastYear
	}
	ev, err := v.Verify(context.Background(), x.r)
	if err != nil || ev.Timestamp.IsZero() {
		return lastYear
	}
	return ev.Timestamp.Year()
}

// withClock returns the scheme with another format of its time.
func withClock(scheme Scheme, format clock) (Scheme, bool) {
	change := func(t *Timestamp) bool {
		old, _ := clockOf(t.Format)
		t.Format = string(format)
		return t.From != "" && old != format
	}
	switch s := scheme.(type) {
	case HMAC:
		ok := change(&s.Timestamp)
		return s, ok
	case PublicKey:
		ok := change(&s.Timestamp)
		return s, ok
	case Token:
		ok := change(&s.Timestamp)
		return s, ok
	case JWT:
		ok := change(&s.Timestamp)
		return s, ok
	}
	return nil, false
}
