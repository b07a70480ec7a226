package verifiers

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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
		h.Secret = try.format
		x.try(h, x.secrets, x.r, try.sentence)
	}
}

// bodies tries what editors, shells and frameworks do to a body.
func (x *explainer) bodies() {
	body := x.r.Body
	for _, try := range []struct {
		body     []byte
		sentence string
	}{
		{bytes.TrimSuffix(body, []byte("\n")), "It verifies without the newline at the end of the body. The signature was made before it was added, as an editor does."},
		{bytes.TrimSuffix(body, []byte("\r\n")), "It verifies without the line end at the end of the body. The signature was made before it was added."},
		{append(slices.Clone(body), '\n'), "It verifies with a newline at the end of the body. It was cut off on the way here."},
		{bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), "It verifies with the body's line ends as LF. They were turned into CRLF on the way here."},
		{bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n")), "It verifies with the body's line ends as CRLF. They were turned into LF on the way here."},
		{bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), "It verifies without the byte order mark at the start of the body."},
		{nil, "It verifies with an empty body. The sender signed nothing of it, or it was read before it was signed."},
	} {
		if !bytes.Equal(try.body, body) {
			r := *x.r
			r.Body = try.body
			x.try(x.scheme, x.secrets, &r, try.sentence)
		}
	}
}

// urls tries the other spellings under which a sender may know this endpoint.
func (x *explainer) urls() {
	h, ok := x.scheme.(HMAC)
	if !ok || !strings.Contains(h.Content, "{url}") {
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

func hostOnly(u *url.URL) string {
	if strings.Contains(u.Hostname(), ":") {
		return "[" + u.Hostname() + "]"
	}
	return u.Hostname()
}

// headers tries the request with headers under the names that the scheme looks
// for, where it has others that differ only in how words are parted.
func (x *explainer) headers() {
	for _, want := range headerNames(x.scheme) {
		if x.r.Header.Get(want) != "" {
			continue
		}
		for have := range x.r.Header {
			if plainName(have) != plainName(want) || have == want {
				continue
			}
			r := *x.r
			r.Header = x.r.Header.Clone()
			r.Header[want] = r.Header[have]
			x.try(x.scheme, x.secrets, &r, "It verifies once the header "+strconv.Quote(have)+" is called "+want+
				". Something on the way has renamed it.")
		}
	}
}

// plainName is a header's name without what proxies and servers change in it.
func plainName(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(name))
}

// headerNames are the names of all headers that a scheme looks for.
func headerNames(scheme Scheme) []string {
	var names []string
	var facts Facts
	switch s := scheme.(type) {
	case HMAC:
		for _, start := range s.Variants {
			names = append(names, headerNames(s.variant(start))...)
		}
		if len(s.Variants) > 0 {
			return names
		}
		if s.Signature.From == "" || s.Signature.From == "header" {
			names = append(names, s.Signature.Names...)
		}
		facts = s.Facts
		facts.EventType = append(slices.Clone(facts.EventType), s.Content)
	case Token:
		if s.From == "" || s.From == "header" {
			names = append(names, s.Names...)
		}
		facts = s.Facts
	}
	for _, text := range slices.Concat([]string{facts.Timestamp.From}, facts.EventID, facts.EventType) {
		if t, err := ParseTemplate(text); err == nil {
			for _, p := range t.parts {
				if p.name == "header" {
					names = append(names, p.arg)
				}
			}
		}
	}
	for i := range names {
		names[i] = canonical(names[i])
	}
	return names
}

// schemes tries other hashes and encodings, in every header that may hold a
// signature.
func (x *explainer) schemes() {
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

func (x *explainer) tryFormat(h HMAC, what string) bool {
	return x.try(h, x.secrets, x.r, "It verifies with "+what+". The endpoint expects it otherwise: is it the right provider?")
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
	for _, format := range []clock{clockUnix, clockUnixMS, clockRFC3339, clockRFC1123} {
		if scheme, ok := withClock(x.scheme, format); ok {
			x.try(scheme, x.secrets, x.r, "It verifies with its time read in the format "+string(format)+".")
		}
	}
}

// units finds times that are off by a factor of a thousand.
func (x *explainer) units() {
	for format, sentence := range map[clock]string{
		clockUnix:   "The time is in seconds, where the endpoint expects milliseconds.",
		clockUnixMS: "The time is in milliseconds, where the endpoint expects seconds.",
	} {
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
	switch s := scheme.(type) {
	case HMAC:
		changed := Timestamp{From: s.Timestamp.From, Format: string(format)}
		old, _ := clockOf(s.Timestamp.Format)
		s.Timestamp = changed
		return s, changed.From != "" && old != format
	case Token:
		changed := Timestamp{From: s.Timestamp.From, Format: string(format)}
		old, _ := clockOf(s.Timestamp.Format)
		s.Timestamp = changed
		return s, changed.From != "" && old != format
	}
	return nil, false
}
