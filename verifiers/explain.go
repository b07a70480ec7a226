package verifiers

import (
	"context"
	"encoding/base64"
	"strings"
)

// Explain looks for the reason why a request was refused with err. It tries
// what commonly goes wrong between a sender and a receiver, one thing at a time,
// and reports in plain English the first that would have been accepted, since
// what comes after it mostly says the same in other words. It is for a person
// at a terminal: it takes its time, and it tells nothing of a secret or of what
// a signature should have been.
func Explain(scheme Scheme, secrets []string, r *Request, err error) []string {
	x := explainer{scheme: scheme, secrets: secrets, r: r}
	switch ReasonOf(err) {
	case WrongSignature, MalformedSignature, MissingSignature:
		x.secretsTrimmed()
		x.secretsDecoded()
		x.keyNames()
		x.bodies()
		x.urls()
		x.headers()
		x.values()
		x.schemes()
	case MissingTimestamp, MalformedTimestamp:
		x.headers()
		x.clocks()
	case StaleTimestamp, FutureTimestamp:
		x.units()
	}
	return x.found
}

// explainer collects what would have been accepted.
type explainer struct {
	scheme  Scheme
	secrets []string
	r       *Request
	found   []string
}

// try reports a sentence if the request would have been accepted so, unless
// there is one already.
func (x *explainer) try(scheme Scheme, secrets []string, r *Request, sentence string) bool {
	if len(x.found) > 0 || !accepts(scheme, secrets, r) {
		return false
	}
	x.found = append(x.found, sentence)
	return true
}

func accepts(scheme Scheme, secrets []string, r *Request) bool {
	v, err := scheme.Verifier(secrets...)
	if err != nil {
		return false
	}
	_, err = v.Verify(context.Background(), r)
	return err == nil
}

// each tries a change of each of the secrets, alone.
func (x *explainer) each(change func(string) string, sentence string) {
	for _, secret := range x.secrets {
		if changed := change(secret); changed != "" && changed != secret {
			x.try(x.scheme, []string{changed}, x.r, sentence)
		}
	}
}

func (x *explainer) secretsTrimmed() {
	x.each(strings.TrimSpace, "It verifies once the white space around the secret is removed. "+
		"A file often ends in a newline.")
	x.each(func(s string) string { return strings.Trim(strings.TrimSpace(s), `"'`) },
		"It verifies once the quotation marks around the secret are removed.")
	x.each(func(s string) string { return s + "\n" },
		"It verifies with a newline at the end of the secret. The sender's own secret seems to have one.")
}

func (x *explainer) secretsDecoded() {
	const decoded = "It verifies with the secret decoded from base64. "
	x.each(func(s string) string {
		plain, _ := base64.StdEncoding.DecodeString(s)
		return string(plain)
	}, decoded+"The sender uses what the secret stands for, not its text.")
	x.each(func(s string) string { return strings.TrimPrefix(s, "whsec_") },
		"It verifies without the whsec_ in front of the secret.")
	x.each(func(s string) string { return "whsec_" + s },
		"It verifies with whsec_ in front of the secret, which belongs to it here.")
	const bearer = "Bearer "
	if _, ok := x.scheme.(Token); ok {
		x.each(func(s string) string { return bearer + s }, "It verifies with Bearer in front of the secret, since the scheme takes the whole header. Use the token scheme's bearer.")
		x.each(func(s string) string { return strings.TrimPrefix(s, bearer) }, "It verifies without the Bearer in front of the secret.")
	}
	h, ok := x.scheme.(HMAC)
	if !ok {
		return
	}
	for _, try := range []struct {
		format   SecretFormat
		sentence string
	}{
		{SecretFormat{}, "It verifies with the secret as it is, not decoded. The sender uses its text as the key."},
		{SecretFormat{Encoding: "hex"}, "It verifies with the secret decoded from hex."},
		{SecretFormat{Encoding: "base64"}, decoded + "The sender uses what the secret stands for, not its text."},
		{SecretFormat{Prefixes: []string{"whsec_"}, Encoding: "base64"}, decoded + "The whsec_ in front of it does not belong to it."},
		{SecretFormat{Prefixes: []string{"whsec_"}}, "It verifies without the whsec_ in front of the secret."},
	} {
		h := h
		try.format.Named = h.Secret.Named
		h.Secret = try.format
		x.try(h, x.secrets, x.r, try.sentence)
	}
}

// keyNames tries the keys whatever name a request gives its own.
func (x *explainer) keyNames() {
	scheme := x.scheme
	switch s := scheme.(type) {
	case HMAC:
		s.KeyID = ""
		scheme = s
	case JWT:
		s.KeyID = ""
		scheme = s
	default:
		return
	}
	x.try(scheme, x.secrets, x.r, "It verifies if the name that the request gives its key is left out of account. "+
		"Does the option key have the keys' names as the provider shows them, in the order of the secrets?")
}
