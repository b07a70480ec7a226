// Package explain finds out why a request was refused. It is for people: the command
// `caddy webhook verify`, and whatever shows refused requests. Start with [Case] and
// [Case.Diagnose].
//
// It verifies the request again and again, each time with one change that people,
// proxies and frameworks commonly make. That takes a few hundred times as long as
// verifying once. The path of a request does not import this package, so that nothing
// is explained before a person asks.
//
// The order is: faults that the request shows by itself (observed.go), changes of the
// secret (secret.go), of the body (body.go, rewrite.go, charset.go), of the URL
// (url.go) and of headers (header.go), other endpoints and providers (other.go), other
// formats (format.go). Times, tokens and keys have causes of their own (clock.go,
// token.go). If nothing explains a wrong signature, hint.go says so.
//
// A text never contains a secret, a part of one, or a signature.
package explain

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// Case is a request and everything it is judged with.
type Case struct {
	// Row is the provider as the endpoint has it: its scheme with the endpoint's
	// options, its tolerance, and MaxBody and Methods if they are limited. A nil Scheme
	// is code, of which only Err is known.
	Row     verifiers.Provider
	Secrets []string
	Request *verifiers.Request
	Now     time.Time // of the receipt

	// Err is the refusal when the request was received, if it was judged then. Diagnose
	// judges it again, except for its size and its method.
	Err error

	// Received is the URL that reached the gateway, if Request.URL is another one, such
	// as that of public_url.
	Received string

	// Keys fetches the keys of schemes that need it. Each document is fetched once at
	// most. Nil: nothing is fetched, and such a scheme cannot judge.
	Keys verifiers.KeySource

	Endpoints []Endpoint           // the other endpoints, which may be meant
	Catalogue []verifiers.Provider // the other providers, which may be meant
}

// Endpoint is another endpoint of the gateway.
type Endpoint struct {
	Name    string
	Row     verifiers.Provider
	Secrets []string
}

// Diagnosis is the result of the check of a request, for a person.
type Diagnosis struct {
	Reason verifiers.Reason `json:"reason"` // empty: it is verified, or it cannot be judged
	Detail string           `json:"detail"`

	// Causes are sentences in plain English, the likeliest first. There is at least one
	// for a refused request: it may say that nothing explains the refusal.
	Causes []string `json:"causes"`

	Steps []verifiers.Step `json:"steps"`
}

// Diagnose judges the request and looks for the cause of a refusal. The work is in
// proportion to the size of the request, with a limit on the number of verifications.
// It ends early when ctx does, so give ctx a deadline.
func (c Case) Diagnose(ctx context.Context) Diagnosis {
	x := newExplainer(ctx, c)
	d := Diagnosis{Causes: []string{}, Steps: x.steps()}
	if x.err != nil {
		d.Reason, d.Detail = verifiers.ReasonOf(x.err), verifiers.DetailOf(x.err)
		x.search()
		d.Causes = append(d.Causes, x.found...)
	}
	return c.withoutSecrets(d)
}

// withoutSecrets replaces secrets in the texts. No text should have one: an error of a
// scheme in code may.
func (c Case) withoutSecrets(d Diagnosis) Diagnosis {
	var pairs []string
	for _, secret := range c.allSecrets() {
		if len(secret) >= minHidden {
			pairs = append(pairs, secret, "…")
		}
	}
	hide := strings.NewReplacer(pairs...).Replace
	d.Detail = hide(d.Detail)
	for i := range d.Causes {
		d.Causes[i] = hide(d.Causes[i])
	}
	for i := range d.Steps {
		d.Steps[i].Text = hide(d.Steps[i].Text)
	}
	return d
}

// minHidden is the length from which on a secret is not in a text by chance.
const minHidden = 6

func (c Case) allSecrets() (all []string) {
	add := func(row verifiers.Provider, secrets []string) {
		for _, s := range secrets {
			all = append(all, s, strings.TrimSpace(s))
		}
		given := optionsOf(row.Scheme)
		for _, o := range row.Options {
			if o.Secret {
				all = append(all, strings.Fields(given[o.Name])...)
			}
		}
	}
	add(c.Row, c.Secrets)
	for _, e := range c.Endpoints {
		add(e.Row, e.Secrets)
	}
	return all
}

// explainer collects the causes of one refusal.
type explainer struct {
	Case
	ctx      context.Context
	scheme   verifiers.Scheme
	about    verifiers.Description // of the scheme
	keys     verifiers.KeySource   // nil, or c.Keys with a memory
	own      verifiers.Verifier    // of the scheme with the endpoint's secrets
	r        *verifiers.Request
	event    verifiers.Event // of a request whose signature is right
	err      error           // the refusal; nil: there is none
	right    bool            // the signature is right
	verified bool            // so is everything else, as of now
	left     int             // verifications
	found    []string
	leftOut  bool // something was not tried
}

// maxTries limits the verifications for one diagnosis. With a public key one takes up to
// a hundred times as long.
const (
	maxTries    = 2000
	maxKeyTries = 800
)

func newExplainer(ctx context.Context, c Case) *explainer {
	x := &explainer{Case: c, ctx: ctx, scheme: c.Row.Scheme, r: c.Request, err: c.Err, left: maxTries}
	if c.Keys != nil {
		x.keys = &remembered{source: c.Keys}
	}
	if x.scheme == nil {
		return x
	}
	x.about = verifiers.DescriptionOf(x.scheme)
	if !x.about.Shared {
		x.left = maxKeyTries
	}
	x.scheme = x.fetching(x.scheme)
	x.judge()
	return x
}

// judge sets the refusal of the request as of the configuration of now.
func (x *explainer) judge() {
	if reason := verifiers.ReasonOf(x.err); reason == verifiers.BodyTooLarge || reason == verifiers.MethodNotAllowed {
		return
	}
	var err error
	if x.own, err = x.scheme.Verifier(x.Secrets...); err != nil {
		x.err = err
		return
	}
	x.event, err = x.own.Verify(x.ctx, x.r)
	x.right = err == nil
	if err == nil {
		err = x.Row.Freshness.Check(x.event, x.Now)
	}
	if err != nil {
		x.err = err
	} else {
		x.verified = true
	}
}

// fetching returns the scheme with the source of keys of the case.
func (x *explainer) fetching(scheme verifiers.Scheme) verifiers.Scheme {
	if s, ok := scheme.(verifiers.Fetching); ok {
		return s.WithKeySource(x.keys)
	}
	return scheme
}

// search collects the causes.
func (x *explainer) search() {
	switch reason := verifiers.ReasonOf(x.err); {
	case x.verified:
		x.say("It verifies now. A secret or an option was changed since, or something else than its signature was wrong.")
	case x.scheme == nil:
		x.say("The endpoint's verifier is code of its own, so that nothing is known but the reason.")
	case reason == "" && !x.canceled(): // a secret or an option that cannot be used, or a failure of the gateway
		x.say("The gateway could not judge it: " + verifiers.DetailOf(x.err) + ".")
	case reason == verifiers.WrongSignature, reason == verifiers.MalformedSignature, reason == verifiers.MissingSignature,
		reason == verifiers.MalformedBody:
		x.signatures(reason)
	case reason == verifiers.MissingTimestamp, reason == verifiers.MalformedTimestamp:
		x.noTime(reason)
	case reason == verifiers.StaleTimestamp, reason == verifiers.FutureTimestamp:
		x.wrongTime(reason)
	case reason == verifiers.ExpiredToken:
		x.expired()
	case reason == verifiers.WrongAudience:
		x.audience()
	case reason == verifiers.UnavailableKey:
		x.unavailable()
	case reason == verifiers.BodyTooLarge:
		x.tooLarge()
	case reason == verifiers.MethodNotAllowed:
		x.wrongMethod()
	}
	if len(x.found) == 0 {
		x.unexplained()
	}
}

// signatures tries everything that makes a signature wrong, missing or malformed, and
// stops at the first change with which the request is accepted: later ones mostly say
// the same in other words.
func (x *explainer) signatures(reason verifiers.Reason) {
	tries := []func(){
		x.secretsTrimmed, x.secretsDecoded, x.keyNames, x.interchanged, x.otherSecrets,
		x.bodies, x.urls, x.repeatedHeaders, x.headers, x.values, x.otherURL,
	}
	if len(x.Row.Docs) == 0 { // any sender: its format is the user's own
		tries = append(tries, x.formats, x.otherProviders)
	} else {
		tries = append(tries, x.otherProviders, x.formats)
	}
	for _, try := range tries {
		if try(); len(x.found) > 0 {
			return
		}
	}
	x.observe(reason)
}

// canceled reports whether nobody waits any more.
func (x *explainer) canceled() bool { return x.ctx.Err() != nil }

// say adds a cause.
func (x *explainer) say(sentence string) { x.found = append(x.found, sentence) }

// try adds a sentence if the scheme accepts the request, unless there is one already.
func (x *explainer) try(scheme verifiers.Scheme, secrets []string, r *verifiers.Request, sentence string) bool {
	if len(x.found) > 0 || !x.accepts(scheme, secrets, r) {
		return false
	}
	x.say(sentence)
	return true
}

// tryRequest is try with a changed request.
func (x *explainer) tryRequest(sentence string, change func(r *verifiers.Request)) bool {
	if len(x.found) > 0 {
		return false
	}
	r := *x.r
	r.Header = x.r.Header.Clone()
	change(&r)
	return x.tryChanged(&r, sentence)
}

// tryChanged is try with the endpoint's own verifier.
func (x *explainer) tryChanged(r *verifiers.Request, sentence string) bool {
	if len(x.found) > 0 || !x.acceptsChanged(r) {
		return false
	}
	x.say(sentence)
	return true
}

func (x *explainer) acceptsChanged(r *verifiers.Request) bool {
	if x.own == nil || !x.spend() {
		return false
	}
	_, err := x.own.Verify(x.ctx, r)
	return err == nil
}

// spend takes one verification off the limit.
func (x *explainer) spend() bool {
	if x.left--; x.left < 0 || x.canceled() {
		x.leftOut = true
		return false
	}
	return true
}

func (x *explainer) accepts(scheme verifiers.Scheme, secrets []string, r *verifiers.Request) bool {
	_, err := x.verify(scheme, secrets, r)
	return err == nil
}

// errNotTried is the error of a verification that the limits do not allow.
var errNotTried = errors.New("not tried")

func (x *explainer) verify(scheme verifiers.Scheme, secrets []string, r *verifiers.Request) (verifiers.Event, error) {
	if !x.spend() {
		return verifiers.Event{}, errNotTried
	}
	v, err := scheme.Verifier(secrets...)
	if err != nil {
		return verifiers.Event{}, err
	}
	return v.Verify(x.ctx, r)
}

// with returns a copy of a scheme in which change has set a field anew, also a field of
// an embedded struct such as [verifiers.Facts]. It returns false if the scheme does not
// have the field, or change returns false.
func with[T any](scheme verifiers.Scheme, field string, change func(*T) bool) (verifiers.Scheme, bool) {
	if scheme == nil || reflect.TypeOf(scheme).Kind() != reflect.Struct {
		return nil, false
	}
	changed := reflect.New(reflect.TypeOf(scheme)).Elem()
	changed.Set(reflect.ValueOf(scheme))
	found := changed.FieldByName(field)
	if !found.IsValid() || !found.CanSet() {
		return nil, false
	}
	value, ok := found.Addr().Interface().(*T)
	if !ok || !change(value) {
		return nil, false
	}
	return changed.Interface().(verifiers.Scheme), true
}

// fieldOf returns a field of a scheme, or the zero value if it has none of that name.
func fieldOf[T any](scheme verifiers.Scheme, field string) (value T) {
	with(scheme, field, func(v *T) bool {
		value = *v
		return false
	})
	return value
}

// optionsOf returns the endpoint's options in a scheme.
func optionsOf(scheme verifiers.Scheme) map[string]string {
	return fieldOf[map[string]string](scheme, "Options")
}

// remembered is a source of keys that asks for each document once.
type remembered struct {
	source verifiers.KeySource
	known  map[string]answer
}

type answer struct {
	document verifiers.KeyDocument
	err      error
}

// maxFetched limits the documents that one diagnosis fetches.
const maxFetched = 4

// Fetch implements [verifiers.KeySource].
func (m *remembered) Fetch(ctx context.Context, r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
	name := r.Method + " " + r.URL + " " + string(r.Body)
	if a, ok := m.known[name]; ok {
		return a.document, a.err
	}
	if len(m.known) >= maxFetched {
		return verifiers.KeyDocument{}, verifiers.Refuse(verifiers.UnavailableKey, "no more keys are fetched to explain one request")
	}
	var a answer
	a.document, a.err = m.source.Fetch(ctx, r)
	if m.known == nil {
		m.known = make(map[string]answer)
	}
	m.known[name] = a
	return a.document, a.err
}
