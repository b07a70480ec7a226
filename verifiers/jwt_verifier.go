package verifiers

import (
	"context"
	"crypto/hmac"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json" // refuses a key that is there twice
	"github.com/tidwall/gjson"
)

// Verify checks a request.
func (v *jwtVerifier) Verify(ctx context.Context, r *Request) (Event, error) {
	in := new(reading)
	in.start(r)
	ev, err := v.verify(ctx, in)
	if in.fault != nil {
		return Event{}, in.fault
	}
	return ev, err
}

// verify takes the token apart before it inflates or parses the body, where the
// token stands outside the body.
func (v *jwtVerifier) verify(ctx context.Context, in *reading) (Event, error) {
	v.facts.begin(in)
	var text string
	var err error
	if v.place.outside() {
		if text, err = v.token(in); err != nil {
			return Event{}, err
		}
	}
	if err := v.facts.open(ctx, in); err != nil {
		return Event{}, err
	}
	if v.signsJSON && !in.validJSON() {
		return Event{}, refuse(MalformedBody, "it is not JSON")
	}
	if !v.place.outside() {
		if text, err = v.token(in); err != nil {
			return Event{}, err
		}
	}
	token, err := v.parse(in, text)
	if err != nil {
		return Event{}, err
	}
	if err := ctx.Err(); err != nil {
		return Event{}, err
	}
	if err := v.judge(ctx, in, token); err != nil {
		return Event{}, err
	}
	return v.event(in)
}

// token finds the token, and checks its form as far as that takes no payload.
func (v *jwtVerifier) token(in *reading) (string, error) {
	text, err := v.place.find(in)
	if err != nil {
		return "", err
	}
	text = strings.TrimPrefix(text, v.prefix)
	if len(text) > maxSignatureValue {
		return "", refuse(MalformedSignature, "longer than %d bytes", maxSignatureValue)
	}
	_, _, err = jsonToken{}.split(text, v.detached != nil)
	return text, err
}

// jsonToken is a token taken apart and not yet believed.
type jsonToken struct {
	*jose.JSONWebSignature
	algorithm jose.SignatureAlgorithm
	keyID     string
	payload   []byte
}

// parse takes a token apart. What it claims is kept in in, to select the key by.
func (v *jwtVerifier) parse(in *reading, text string) (t jsonToken, err error) {
	header, t, err := t.split(text, v.detached != nil)
	if err != nil {
		return t, err
	}
	if v.detached == nil {
		t.JSONWebSignature, err = jose.ParseSignedCompact(text, v.algorithms)
	} else {
		if t.payload, err = v.payload(in); err != nil {
			return t, err
		}
		t.JSONWebSignature, err = jose.ParseDetached(text, t.payload, v.algorithms)
	}
	if _, other := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); other {
		return t, refuse(MalformedSignature, "the token's algorithm is none of %s", v.algorithms)
	}
	if err != nil || len(t.Signatures) != 1 {
		return t, refuse(MalformedSignature, "it is not a JSON web token")
	}
	// The one extension there is (RFC 7797) is for payloads that are detached.
	crit, b64 := gjson.GetBytes(header, "crit"), gjson.GetBytes(header, "b64")
	if crit.Exists() != b64.Exists() || b64.Exists() && v.detached == nil {
		return t, refuse(MalformedSignature, "the token has a critical header that is not known here")
	}
	t.algorithm, t.keyID = jose.SignatureAlgorithm(t.Signatures[0].Header.Algorithm), t.Signatures[0].Header.KeyID
	if v.detached == nil {
		var claims map[string]any
		if !validJSON(stringOf(t.payload)) || josejson.Unmarshal(t.payload, &claims) != nil || claims == nil {
			return t, refuse(MalformedSignature, "the token's claims are not a JSON object, or one is there twice")
		}
		in.claims = stringOf(t.payload)
	}
	return t, nil
}

// split parts the compact form and is strict about it, so that a token has one
// spelling.
func (jsonToken) split(text string, detached bool) (header []byte, t jsonToken, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[0] == "" || parts[2] == "" || (parts[1] == "") != detached {
		return nil, t, refuse(MalformedSignature, "it is not a JSON web token in its compact form")
	}
	var decoded [3][]byte
	for i, part := range parts {
		if decoded[i], err = strictURL.DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return nil, t, refuse(MalformedSignature, "it is not a JSON web token: a part is not base64url")
		}
	}
	t.payload = decoded[1]
	return decoded[0], t, nil
}

// payload makes the payload that a detached token was made over.
func (v *jwtVerifier) payload(in *reading) ([]byte, error) {
	if v.facts.time != nil {
		in.timestamp, _ = v.facts.time.in(in)
	}
	for _, p := range v.facts.ids {
		if id, ok := p.in(in); ok {
			in.id = id
			break
		}
	}
	in.repeated = false
	payload := contentBuffer{in, []byte{}} // which is not no payload
	if !in.grow(4 * len(in.body)) {        // the library writes the payload in base64, and that again
		return nil, in.fault
	}
	if absent := v.detached.writeTo(&payload, in); absent != nil {
		return nil, absence(in, absent)
	}
	return payload.b, in.fault
}

// judge verifies the token's signature, then what it has to say of the request.
func (v *jwtVerifier) judge(ctx context.Context, in *reading, t jsonToken) error {
	if err := v.match(ctx, in, t); err != nil {
		return err
	}
	if err := v.body.check(in, in.body, "body"); err != nil {
		return err
	}
	if err := v.url.check(in, in.r.URL, "URL"); err != nil {
		return err
	}
	in.strict = v.readsJSON && !v.signsJSON
	for _, c := range v.facts.required {
		if !c.ungiven && !c.holdsFor(in) {
			return in.sound(refuse(MalformedSignature, "%s is not what the provider's tokens have", c.of))
		}
	}
	for _, c := range v.facts.addressee {
		if !c.ungiven && !c.holdsFor(in) {
			return in.sound(refuse(WrongAudience, "%s is not this endpoint's", c.of))
		}
	}
	return nil
}

// match looks for the key that made the signature.
func (v *jwtVerifier) match(ctx context.Context, in *reading, t jsonToken) error {
	if v.fetched != nil {
		return v.fetched.verify(ctx, in, t.keyID, t.madeBy)
	}
	name, err := v.names.used(in)
	if err != nil {
		return err
	}
	for i, s := range v.secrets {
		if !v.names.allow(i, name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.mac != nil && hashed(t.algorithm) && t.DetachedVerify(t.payload, sharedKey(s.mac)) == nil {
			return nil
		}
		for _, k := range s.keys {
			if t.madeBy(k) {
				return nil
			}
		}
	}
	return refuse(WrongSignature, "no secret made the token")
}

// madeBy tells whether a public key's owner made the token.
func (t jsonToken) madeBy(k publicKey) bool {
	return k.suits(t.algorithm) && t.DetachedVerify(t.payload, k.PublicKey) == nil
}

// check compares the claim with the hash of its part of the request.
func (c *claimHash) check(in *reading, part, what string) error {
	if c == nil {
		return nil
	}
	claim := gjson.Get(in.claims, c.Claim)
	if !claim.Exists() {
		if part == "" && c.Optional {
			return nil
		}
		return refuse(WrongSignature, "the token has no claim %s, so it vouches for no %s", c.Claim, what)
	}
	sum, ok := c.encoding.decode(nil, claim.Str)
	if !ok || !hmac.Equal(sum, c.sum(part)) {
		return refuse(WrongSignature, "the token's claim %s is the hash of another %s", c.Claim, what)
	}
	return nil
}

func (c *claimHash) sum(part string) []byte {
	h := c.hash()
	h.Write(bytesOf(part))
	return h.Sum(nil)
}

// event tells what the token and the request say of the event. Its content is
// the body also where the token does not cover it: what does identify the event
// is there, if anywhere. An empty body identifies nothing.
func (v *jwtVerifier) event(in *reading) (ev Event, err error) {
	ev = Event{Signed: v.covers, Content: in.r.Body}
	if len(in.r.Body) == 0 && v.covers.URL {
		ev.Content = []byte(in.r.URL) // all that is signed of the request
	}
	if v.detached != nil && !v.covers.Body {
		content := contentBuffer{in: in}
		v.detached.writeTo(&content, in)
		ev.Content = content.b
	}
	for name, at := range map[string]*time.Time{"exp": &ev.Expires, "nbf": &ev.NotBefore} {
		if *at, err = in.numericDate(name); err != nil {
			return Event{}, err
		}
	}
	v.facts.readTime(in, &ev)
	return ev, v.facts.readRest(in, &ev)
}

// numericDate returns a claim that is a time in seconds, or the zero time where
// there is none.
func (in *reading) numericDate(claim string) (time.Time, error) {
	found := gjson.Get(in.claims, claim)
	if !found.Exists() {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseFloat(found.Raw, 64)
	if found.Type != gjson.Number || err != nil || seconds < 1 || seconds > lastSecond {
		return time.Time{}, refuse(MalformedSignature, "the token's claim %s is not a time in seconds", claim)
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second))), nil
}

// holdsFor is holds, and for a claim that is a list it is enough if one of its
// items is what is wanted.
func (c *condition) holdsFor(in *reading) bool {
	if len(c.of.parts) == 1 && c.of.parts[0].name == "claim" && !c.absent {
		if found := gjson.Get(in.claims, c.of.parts[0].arg); found.IsArray() {
			accepted := false
			found.ForEach(func(_, item gjson.Result) bool {
				accepted = item.Type == gjson.String && c.accepts(item.Str)
				return !accepted
			})
			return accepted
		}
	}
	return c.holds(in)
}
