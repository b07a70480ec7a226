package verifiers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tidwall/gjson"
)

// This file shows a person the findings of a verifier in a request. The path of a request
// does not use it.

// Step is a step of the check of a request, for a person. Its text contains nothing of
// a secret and no signature, neither the one received nor the right one.
type Step struct {
	Name  string    `json:"name"` // such as "header Stripe-Signature"
	State StepState `json:"state"`
	Text  string    `json:"text"`
}

// StepState is the outcome of a step.
type StepState string

// The outcomes of a step. Unchecked: an earlier step failed, or code decides.
const (
	StepOK        StepState = "ok"
	StepFailed    StepState = "failed"
	StepUnchecked StepState = "unchecked"
)

// Inspection is everything that a verifier finds in a request before it compares
// signatures. Nothing in it is verified.
type Inspection struct {
	// Steps end with the first one that failed.
	Steps []Step

	// Timestamp, Expires and NotBefore are those that the request states; zero: none.
	Timestamp, Expires, NotBefore time.Time

	// Addressee has a step for each condition on the addressee. It is empty if an
	// earlier step failed.
	Addressee []Step
}

// failed reports whether the last step failed.
func (n *Inspection) failed() bool {
	return len(n.Steps) > 0 && n.Steps[len(n.Steps)-1].State == StepFailed
}

// add adds a step that failed if err is not nil. It reports whether it is ok.
func (n *Inspection) add(name, text string, err error) bool {
	if err != nil {
		n.Steps = append(n.Steps, Step{name, StepFailed, DetailOf(err)})
		return false
	}
	n.Steps = append(n.Steps, Step{name, StepOK, text})
	return true
}

// inspector is a verifier whose scheme is data.
type inspector interface {
	inspect(ctx context.Context, in *reading) Inspection
}

// Inspect shows the findings of a verifier in a request. A verifier in code has one step,
// which says so. It takes time in proportion to the request.
func Inspect(ctx context.Context, v Verifier, r *Request) Inspection {
	if all, ok := v.(variants); ok {
		v = all.suiting(r)
	}
	i, ok := v.(inspector)
	if !ok {
		return Inspection{Steps: []Step{{"signature", StepUnchecked, "code of the provider's own judges it"}}}
	}
	in := new(reading)
	in.start(r)
	return i.inspect(ctx, in)
}

// DetailOf returns the text of an error without its [Reason].
func DetailOf(err error) string {
	text, _ := strings.CutPrefix(err.Error(), string(ReasonOf(err)))
	return strings.TrimPrefix(text, ": ")
}

func (v *hmacVerifier) inspect(ctx context.Context, in *reading) Inspection {
	return v.signed.inspect(ctx, in)
}

func (v *keyVerifier) inspect(ctx context.Context, in *reading) Inspection {
	return v.signed.inspect(ctx, in)
}

// inspect finds the signature, the time and the signed content.
func (s *signed) inspect(ctx context.Context, in *reading) (n Inspection) {
	if !openBody(ctx, &s.facts, in, &n) {
		return n
	}
	if s.signsJSON && !in.validJSON() {
		n.add("body", "", refuse(MalformedBody, "it is not JSON"))
		return n
	}
	st := &signedState{}
	err := s.signature.find(in, &st.found)
	if !n.add(s.signature.title(in), s.signature.summary(&st.found), err) {
		return n
	}
	if len(st.found.groups) > 0 { // those beside the first signature
		g := st.found.groups[0]
		in.params = in.params[g.firstParam:g.lastParam]
	}
	in.pieces = s.pieces
	if s.facts.inspectRequired(in, &n); n.failed() {
		return n
	}
	s.facts.inspectTime(in, &n)
	var ev Event
	if err := s.prepare(in, &ev); err != nil {
		if !n.failed() {
			n.add("signed content", "", err)
		}
		return n
	}
	if n.failed() && s.usesTime {
		return n
	}
	text, err := s.content.outline(in)
	if n.add("signed content", text, err) {
		n.Addressee = s.facts.inspectAddressee(in)
	}
	return n
}

// openBody unpacks the body if the scheme says so.
func openBody(ctx context.Context, f *facts, in *reading, n *Inspection) bool {
	packed := len(in.r.Body)
	if err := f.open(ctx, in); err != nil {
		return n.add("body", "", err)
	}
	if len(in.r.Body) != packed {
		n.add("body", fmt.Sprintf("%d bytes, unpacked from %d", len(in.r.Body), packed), nil)
	}
	return true
}

// inspectRequired adds a step if a condition of [Facts.Require] does not hold.
func (f *facts) inspectRequired(in *reading, n *Inspection) {
	if err := f.require(in); err != nil {
		n.add("form", "", err)
	}
}

// inspectTime adds a step with the time that the request states.
func (f *facts) inspectTime(in *reading, n *Inspection) {
	if f.time == nil {
		return
	}
	var ev Event
	if f.readTime(in, &ev); ev.TimeFault != nil {
		n.add("time", "", ev.TimeFault)
		return
	}
	if n.Timestamp = ev.Timestamp; ev.Timestamp.IsZero() {
		n.Steps = append(n.Steps, Step{"time", StepUnchecked, "there is none at " + f.time.String()})
		return
	}
	n.add("time", ev.Timestamp.UTC().Format(time.RFC3339)+", from "+f.time.String(), nil)
}

// inspectAddressee makes a step of each condition on the addressee.
func (f *facts) inspectAddressee(in *reading) (steps []Step) {
	for _, c := range f.addressee {
		found := "there is none"
		if text, ok := c.of.in(in); ok {
			found = quoted(text)
		} else if path, isClaim := c.of.claim(); isClaim && gjson.Get(in.claims, path).IsArray() {
			found = quoted(gjson.Get(in.claims, path).Raw)
		}
		step := Step{"addressee", StepOK, found + " at " + c.of.String()}
		switch {
		case c.ungiven:
			step.State, step.Text = StepUnchecked, step.Text+"; the endpoint does not say for whom it has to be"
		case !c.holdsFor(in):
			step.State, step.Text = StepFailed, step.Text+" is not this endpoint's"
		}
		steps = append(steps, step)
	}
	return steps
}

// title names the place of the signature that the request has, or of all that it may
// have.
func (s *signature) title(in *reading) string {
	for _, name := range s.Names {
		ok := len(in.r.Header[name]) > 0
		if s.From != "header" {
			_, ok = s.elsewhere(in, name)
		}
		if ok {
			return s.From + " " + name
		}
	}
	return s.From + " " + strings.Join(s.Names, " or ")
}

// summary counts the signatures by their length.
func (s *signature) summary(found *candidates) string {
	var sizes []int
	for _, c := range found.list {
		sizes = append(sizes, c.end-c.start)
	}
	slices.Sort(sizes)
	var texts []string
	for i := 0; i < len(sizes); {
		n := i
		for i < len(sizes) && sizes[i] == sizes[n] {
			i++
		}
		texts = append(texts, fmt.Sprintf("%d of %d bytes in %s", i-n, sizes[n], s.encoding))
	}
	text := "signatures: " + strings.Join(texts, ", ")
	if found.bad > 0 {
		text += fmt.Sprintf("; %d that cannot be read", found.bad)
	}
	return text
}

// outline describes the signed content of a request without its confidential parts.
func (t *Template) outline(in *reading) (string, error) {
	var parts []string
	for i := range t.parts {
		p := &t.parts[i]
		if p.kind == nil {
			parts = append(parts, quoted(p.literal))
			continue
		}
		if p.kind.write == nil {
			if _, ok := p.kind.read(in, p.arg); !ok {
				return "", absence(in, p)
			}
		}
		parts = append(parts, p.outline(in))
	}
	text := strings.Join(parts, " + ")
	if t.readsBody() && len(in.r.Body) > 0 {
		sum := sha256.Sum256(in.r.Body)
		text += "; SHA-256 of the body: " + hex.EncodeToString(sum[:])
	}
	return text, nil
}

// outline describes the text of a token.
func (p *part) outline(in *reading) string {
	switch p.name {
	case "body":
		return fmt.Sprintf("%d bytes of body", len(in.r.Body))
	case "document":
		return fmt.Sprintf("%d bytes of document", len(in.document()))
	case "timestamp":
		return quoted(in.timestamp)
	case "id":
		return quoted(in.id)
	case "method":
		return quoted(in.r.Method)
	case "host":
		return quoted(hostOf(in.r.URL))
	case "path":
		return quoted(pathOf(in.r.URL))
	case "url", "url.base", "url.decoded":
		return "the URL " + ShownURL(in.r.URL)
	case "secret":
		return "the secret"
	}
	name := p.name
	if p.arg != "" {
		name += ":" + p.arg
	}
	if p.name == "option" || p.kind.write != nil {
		return "{" + name + "}"
	}
	value, _ := p.kind.read(in, p.arg)
	return fmt.Sprintf("{%s} (%d bytes)", name, len(value))
}

// ShownURL is a URL for people. It leaves out the values of its query and a password,
// since they may be credentials.
func ShownURL(rawURL string) string {
	base, query := baseOf(rawURL), queryOf(rawURL)
	if scheme, rest, ok := strings.Cut(base, "://"); ok {
		host, path, slash := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			host = "…" + host[at:]
		}
		base = scheme + "://" + host
		if slash {
			base += "/" + path
		}
	}
	if query == "" {
		return cutText(base)
	}
	var names []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, assigned := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err != nil || strings.ContainsFunc(plain, unicode.IsControl) {
			name = "…"
		}
		if assigned {
			name += "=…"
		}
		if names = append(names, name); len(names) == 8 {
			names = append(names, "…")
			break
		}
	}
	return cutText(base + "?" + strings.Join(names, "&"))
}

// maxShown limits the bytes that a step shows of a text of the request.
const maxShown = 200

// quoted is a text of the request for people.
func quoted(text string) string { return strconv.Quote(cutText(text)) }

func cutText(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// inspect finds the token. It compares nothing.
func (v *tokenVerifier) inspect(ctx context.Context, in *reading) (n Inspection) {
	v.facts.begin(in)
	if !openBody(ctx, &v.facts, in, &n) {
		return n
	}
	if v.signsJSON && !in.validJSON() {
		n.add("body", "", refuse(MalformedBody, "it is not JSON"))
		return n
	}
	value, err := v.find(in)
	if !n.add(v.title(in), fmt.Sprintf("a token of %d characters", len([]rune(value))), err) {
		return n
	}
	if v.facts.inspectRequired(in, &n); n.failed() {
		return n
	}
	v.facts.inspectTime(in, &n)
	n.Addressee = v.facts.inspectAddressee(in)
	return n
}

// title names the place of the token.
func (v *tokenVerifier) title(in *reading) string {
	if v.place == nil {
		return "header Authorization"
	}
	return v.place.title(in)
}

// inspect finds the token and reads its header and its claims, unverified.
func (v *jwtVerifier) inspect(ctx context.Context, in *reading) (n Inspection) {
	v.facts.begin(in)
	if !openBody(ctx, &v.facts, in, &n) {
		return n
	}
	if v.signsJSON && !in.validJSON() {
		n.add("body", "", refuse(MalformedBody, "it is not JSON"))
		return n
	}
	text, err := v.token(in)
	if err != nil {
		n.add(v.place.title(in), "", err)
		return n
	}
	token, err := v.parse(in, text)
	kind := "a JSON web token, " + string(token.algorithm)
	if token.keyID != "" {
		kind += ", key ID " + quoted(token.keyID)
	}
	if !n.add(v.place.title(in), kind, err) {
		return n
	}
	if v.inspectClaims(in, &n); n.failed() {
		return n
	}
	if v.facts.inspectTime(in, &n); n.failed() {
		return n
	}
	n.Addressee = v.facts.inspectAddressee(in)
	return n
}

// inspectClaims adds steps for the claims that bind the token to the request, and reads
// its life.
func (v *jwtVerifier) inspectClaims(in *reading, n *Inspection) {
	for _, c := range []struct {
		hash       *claimHash
		part, what string
	}{{v.body, in.body, "body"}, {v.url, in.r.URL, "URL"}} {
		if c.hash != nil && !n.add("claim "+c.hash.Claim, "it is the hash of the "+c.what, c.hash.check(in, c.part, c.what)) {
			return
		}
	}
	for name, at := range map[string]*time.Time{"exp": &n.Expires, "nbf": &n.NotBefore} {
		*at, _ = in.numericDate(name)
	}
}
