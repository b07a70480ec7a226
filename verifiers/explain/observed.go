package explain

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// observe names faults that a request shows by itself although no change of it verifies:
// the original bytes cannot be known.
func (x *explainer) observe(reason verifiers.Reason) {
	body := x.r.Body
	switch stated := x.statedLength(); {
	case reason == verifiers.MissingSignature && !x.bodyCarries():
		x.missing()
	case !x.needsBody():
	case len(body) == 0 && x.r.Method != "GET":
		x.say("The body is empty, and the signature covers it. Something on the way read it and did not pass it on.")
	case stated > len(body):
		x.say(fmt.Sprintf("The body was cut on the way: it has %d bytes, where its Content-Length says %d.", len(body), stated))
	case x.unpackedBefore():
		x.say("Something on the way unpacked the body: its Content-Encoding is gzip, and it is not in gzip. " +
			"The signature covers the packed bytes, which are lost. Turn that off in the proxy.")
	case x.startsJSON() && !verifiers.ValidJSON(body) && endsWithin(body):
		x.say(fmt.Sprintf("The body was cut on the way: its JSON ends in the middle, after %d bytes.", len(body)))
	case bytes.Contains(body, []byte("\uFFFD")):
		x.say("The body was read in the wrong character set on the way: it has the character U+FFFD, " +
			"which stands for bytes that could not be read. The original bytes are lost.")
	case reason == verifiers.MissingSignature:
		x.missing()
	}
	if len(x.found) == 0 && reason == verifiers.MalformedSignature {
		x.repeatedAsItIs()
	}
}

// needsBody reports whether the check depends on the body.
func (x *explainer) needsBody() bool {
	return x.about.Body && !x.about.SendsSecret || x.bodyCarries() || verifiers.ReasonOf(x.err) == verifiers.MalformedBody
}

// bodyCarries reports whether the signature stands in the body.
func (x *explainer) bodyCarries() bool {
	return slices.ContainsFunc(verifiers.CredentialsOf(x.scheme), func(p verifiers.Place) bool { return p.From == "form" || p.From == "json" })
}

// statedLength is the length that the headers state, or -1.
func (x *explainer) statedLength() int {
	n, err := strconv.Atoi(x.r.Header.Get("Content-Length"))
	if err != nil {
		return -1
	}
	return n
}

// unpackedBefore reports whether the headers say that the body is in gzip, and it is
// not.
func (x *explainer) unpackedBefore() bool {
	return strings.EqualFold(x.r.Header.Get("Content-Encoding"), "gzip") && !bytes.HasPrefix(x.r.Body, []byte("\x1f\x8b"))
}

// startsJSON reports whether the body begins like an object or a list.
func (x *explainer) startsJSON() bool {
	start := bytes.TrimSpace(x.r.Body)
	return len(start) > 0 && (start[0] == '{' || start[0] == '[')
}

// endsWithin reports whether a document ends before all of it is closed.
func endsWithin(b []byte) bool {
	open := 0
	inside := structure(b, func(c byte) {
		switch c {
		case '{', '[':
			open++
		case '}', ']':
			open--
		}
	})
	return inside || open > 0
}

// missing names the part of the signature that a request lacks.
func (x *explainer) missing() {
	for _, p := range verifiers.CredentialsOf(x.scheme) {
		if p.From == "header" && x.r.Header.Get(p.Name) != "" {
			x.say("A part of the signed content is missing: " + verifiers.DetailOf(x.err) + ". Something on the way dropped it, or it is no request of " + x.title() + ".")
			return
		}
	}
	places := verifiers.CredentialsOf(x.scheme)
	if len(places) == 0 {
		return
	}
	// A name with one of these characters, or one that begins with a word of the
	// connection, is dropped by common proxies.
	switch p := places[0]; {
	case p.From == "query":
		x.say("The URL has no parameter " + p.Name + ", which holds the signature. A rewrite on the way dropped the query, or it is no request of " + x.title() + ".")
	case p.From != "header":
		x.say("The body has no field " + p.Name + ", which holds the signature. It is no request of " + x.title() + ", or the body was changed on the way.")
	case strings.ContainsAny(p.Name, "_."):
		x.say("There is no header " + p.Name + ". Caddy drops headers whose names contain _ or . unless the server's " +
			"`expected_underscore_headers` or `expected_dot_headers` lists them, and other proxies do so too.")
	case p.Name == "Authorization":
		x.say("There is no header Authorization. Either the sender is not set up to send it, or a proxy in front of Caddy drops it, as some do.")
	default:
		x.say("There is no header " + p.Name + ". Either a proxy in front of Caddy drops it, or it is no request of " + x.title() +
			". The provider's log of deliveries shows the headers that it sent.")
	}
}

// repeatedAsItIs names a header that is there more than once, where none of its values
// is right.
func (x *explainer) repeatedAsItIs() {
	for _, name := range x.wanted() {
		if n := len(x.r.Header[name]); n > 1 {
			x.say(fmt.Sprintf("The header %s is there %d times, and none of its values is right. Something on the way adds one.", name, n))
			return
		}
	}
}
