package verifiers

import (
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// Explain looks for the reason why a request was refused with err. It tries
// what commonly goes wrong between a sender and a receiver, one thing at a time,
// and reports in plain English what would have been accepted. It is for a person
// at a terminal: it takes its time, and it tells nothing of a secret or of what
// a signature should have been.
func Explain(scheme Scheme, secrets []string, r *Request, err error) []string {
	x := explainer{scheme: scheme, secrets: secrets, r: r}
	switch ReasonOf(err) {
	case WrongSignature, MalformedSignature, MissingSignature:
		x.secretsTrimmed()
		x.secretsDecoded()
		x.bodies()
		x.urls()
		x.headers()
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

// try reports a sentence if the request would have been accepted so.
func (x *explainer) try(scheme Scheme, secrets []string, r *Request, sentence string) bool {
	v, err := scheme.Verifier(secrets...)
	if err != nil {
		return false
	}
	if _, err := v.Verify(context.Background(), r); err != nil {
		return false
	}
	if !slices.Contains(x.found, sentence) {
		x.found = append(x.found, sentence)
	}
	return true
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

// urls tries the other spellings under which a sender may know this endpoint.
func (x *explainer) urls() {
	if !strings.Contains(contentOf(x.scheme), "{url") && !strings.Contains(contentOf(x.scheme), "{host}") {
		return
	}
	u, err := url.Parse(x.r.URL)
	if err != nil || u.Host == "" {
		return
	}
	try := func(sentence string, change func(u *url.URL)) {
		changed := *u
		change(&changed)
		r := *x.r
		r.URL = changed.String()
		x.try(x.scheme, x.secrets, &r, "It verifies "+sentence+". Say so with public_url.")
	}
	other := map[string]string{"http": "https", "https": "http"}[u.Scheme]
	swap := func(u *url.URL) { u.Scheme = other }
	noPort := func(u *url.URL) { u.Host = hostOnly(u) }
	slash := func(u *url.URL) {
		if path, ok := strings.CutSuffix(u.Path, "/"); ok {
			u.Path = path
		} else {
			u.Path += "/"
		}
		u.RawPath = ""
	}
	try("with the scheme "+other+" in the URL", swap)
	try("without a port in the URL", noPort)
	try("with the scheme "+other+" and without a port in the URL", func(u *url.URL) { swap(u); noPort(u) })
	try("with the port 443 in the URL", func(u *url.URL) { u.Host = hostOnly(u) + ":443" })
	try("with the port 80 in the URL", func(u *url.URL) { u.Host = hostOnly(u) + ":80" })
	try("with the slash at the end of the URL's path added or removed", slash)
	try("with the scheme "+other+" and the other spelling of the slash at the end", func(u *url.URL) { swap(u); slash(u) })
	try("without the query of the URL", func(u *url.URL) { u.RawQuery = "" })
}

// contentOf is what a scheme signs, as far as it is data.
func contentOf(scheme Scheme) string {
	switch s := scheme.(type) {
	case HMAC:
		return s.Content
	case PublicKey:
		return s.Content
	}
	return ""
}

func hostOnly(u *url.URL) string {
	if strings.Contains(u.Hostname(), ":") {
		return "[" + u.Hostname() + "]"
	}
	return u.Hostname()
}
