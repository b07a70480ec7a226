package verifiers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Facts describe where a request states its event's time, ID and type. All are
// templates (see [Template]): "{header:X-Id}" or "{json:data.id}" is one place, and
// "{json:event}:{json:task.id}" is composed of two. Of several templates the first
// counts of which every token is present.
//
// In an event's ID the separator after a part is escaped within it, so that no two
// lists of parts make the same text: "a:b" and "c" are "a%3Ab:c".
type Facts struct {
	Timestamp Timestamp `json:"timestamp,omitzero"`
	EventID   []string  `json:"event_id,omitempty"`
	EventType []string  `json:"event_type,omitempty"`

	// Document is a template for the place of the JSON document if that is not the body
	// itself: "{form:payload}". Of several the first that is present counts, and the
	// body if none is.
	Document []string `json:"document,omitempty"`

	// Inflate unpacks a body with Content-Encoding: gzip before anything else reads it,
	// for senders that sign first and compress then.
	Inflate bool `json:"inflate,omitempty"`

	// Require are conditions for the signature to mean what the scheme takes it to
	// mean, such as a header with its version. If one does not hold, the signature is
	// malformed.
	Require []Condition `json:"require,omitempty"`

	// Addressee are conditions for the event to be this endpoint's, where one key signs
	// for all customers. If one does not hold, the audience is wrong. A condition on an
	// option that the endpoint does not give, holds.
	Addressee []Condition `json:"addressee,omitempty"`

	// Options are the endpoint's values for the provider's options.
	Options map[string]string `json:"options,omitempty"`
}

// Timestamp describes the place of the time and its format.
type Timestamp struct {
	// From is a template, such as "{header:X-Timestamp}" or, for an item of the
	// signature, "{param:t}".
	From string `json:"from,omitempty"`
	// Format is unix (seconds, the default), unix_ms, unix_auto (seconds or
	// milliseconds, by size), rfc3339, rfc1123 or datetime (2006-01-02 15:04:05,
	// UTC).
	Format string `json:"format,omitempty"`
}

// Timed implements [Timed]: the scheme says where the time stands.
func (f Facts) Timed() bool { return f.Timestamp.From != "" }

// Identified implements [Identified]: the scheme says where the event ID stands.
func (f Facts) Identified() bool { return len(f.EventID) > 0 }

// maxFact limits an event's ID and type, in bytes. No provider comes near it, and a
// longer one is not worth its memory for a whole dedupe window.
const maxFact = 1024

// facts are compiled [Facts]: the part of a request that every scheme reads besides its
// signature.
type facts struct {
	time  *place // nil: the provider gives none
	clock clock
	ids   []place
	types []place

	documents []*Template // where the document may stand, if it is not the body
	paths     *jsonPaths  // what the scheme looks for in the document
	inflate   bool
	required  []*condition
	addressee []*condition
	options   map[string]string
}

// place is a template. signed: the signature covers its text.
type place struct {
	*Template
	signed bool

	identifies bool   // events: its parts have to stay apart
	ends       string // of an ID: the bytes that end tokens in it and its alternatives
}

// compile checks the facts. Until [facts.cover] is called no part is signed.
func (f Facts) compile() (facts, error) {
	c := facts{inflate: f.Inflate, options: f.Options}
	if f.Timestamp.From != "" {
		t, err := factTemplate(f.Timestamp.From, "timestamp")
		if err != nil {
			return c, fmt.Errorf("timestamp: %w", err)
		}
		c.time = &place{Template: t}
	} else if f.Timestamp.Format != "" {
		return c, fmt.Errorf("timestamp: it has a format but no place; add where it stands, such as {header:X-Timestamp}")
	}
	clock, err := clockOf(f.Timestamp.Format)
	if err != nil {
		return c, fmt.Errorf("timestamp: %w", err)
	}
	c.clock = clock
	if c.ids, err = factPlaces(f.EventID); err != nil {
		return c, fmt.Errorf("event ID: %w", err)
	}
	alternatives(c.ids)
	if c.types, err = factPlaces(f.EventType); err != nil {
		return c, fmt.Errorf("event type: %w", err)
	}
	for _, text := range f.Document {
		t, err := factTemplate(text, "document")
		if err != nil {
			return c, fmt.Errorf("document: %w", err)
		}
		if t.reads(fromJSON) {
			return c, fmt.Errorf("document: template %q: {json:…} itself looks at the document", text)
		}
		c.documents = append(c.documents, t)
	}
	if c.required, err = compileConditions(f.Require, f.Options); err != nil {
		return c, fmt.Errorf("require: %w", err)
	}
	if c.addressee, err = compileConditions(f.Addressee, f.Options); err != nil {
		return c, fmt.Errorf("addressee: %w", err)
	}
	c.paths = &jsonPaths{}
	c.each(func(t *Template) { c.paths.add(t) })
	for _, condition := range c.required {
		c.paths.add(condition.of)
	}
	return c, nil
}

func factPlaces(texts []string) ([]place, error) {
	var places []place
	for _, text := range texts {
		t, err := factTemplate(text, "")
		if err != nil {
			return nil, err
		}
		places = append(places, place{Template: t})
	}
	return places, nil
}

func factTemplate(text, self string) (*Template, error) {
	t, err := ParseTemplate(text)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"secret", "id", self} {
		if name != "" && t.has(name) {
			return nil, fmt.Errorf("template %q: {%s} cannot stand here", text, name)
		}
	}
	if text == "" {
		return nil, fmt.Errorf("a template is empty; write a place such as {header:X-Id} or {json:id}")
	}
	return t, nil
}

// begin lets the endpoint's options, the document and the values in it be found.
func (f *facts) begin(in *reading) {
	in.options, in.documents, in.paths = f.options, f.documents, f.paths
}

// open prepares the request for reading: it unpacks the body if the scheme has Inflate.
// Refuse everything that the headers alone show to be wrong before this.
func (f *facts) open(ctx context.Context, in *reading) error {
	f.begin(in)
	if f.inflate {
		return in.inflate(ctx)
	}
	return nil
}

// require refuses a request that does not meet the conditions of [Facts.Require].
func (f *facts) require(in *reading) error {
	for _, c := range f.required {
		if !c.ungiven && !c.holds(in) {
			return refuse(MalformedSignature, "%s does not meet the condition of the scheme", c.of)
		}
	}
	return nil
}

// address refuses an event that is addressed to another endpoint.
func (f *facts) address(in *reading) error {
	for _, c := range f.addressee {
		if !c.ungiven && !c.holds(in) {
			return in.sound(refuse(WrongAudience, "%s is not this endpoint's", c.of))
		}
	}
	return nil
}

// vouch fails if the addressee is outside the signature, where anybody could change it.
func (f *facts) vouch(c coverage) error {
	for _, condition := range f.addressee {
		if !c.covers(condition.of) {
			return fmt.Errorf("addressee: %s is not under the signature, so it proves nothing", condition.of)
		}
	}
	return nil
}

// cover derives which of the facts stand under the signature.
func (f *facts) cover(c coverage) {
	c = c.with(f.documents)
	if f.time != nil {
		f.time.signed = c.covers(f.time.Template)
	}
	for _, places := range [][]place{f.ids, f.types} {
		for i := range places {
			places[i].signed = c.covers(places[i].Template)
		}
	}
}

// reads reports whether any of the facts, or a condition on the addressee, looks there.
func (f *facts) reads(from source) bool {
	if anyReads(f.addressee, from) {
		return true
	}
	if f.time != nil && f.time.reads(from) {
		return true
	}
	for _, places := range [][]place{f.ids, f.types} {
		for _, p := range places {
			if p.reads(from) {
				return true
			}
		}
	}
	return false
}

func anyReads(conditions []*condition, from source) bool {
	return slices.ContainsFunc(conditions, func(c *condition) bool { return c.of.reads(from) })
}

// readTime sets the event's time. A time that is not signed and cannot be read counts
// as absent. For a signed one it sets TimeFault.
func (f *facts) readTime(in *reading, ev *Event) {
	if f.time == nil {
		return
	}
	in.repeated = false
	text, ok := f.time.in(in)
	t, readable := time.Time{}, false
	if ok {
		t, readable = f.clock.parse(text)
	}
	switch {
	case readable:
		ev.Timestamp, ev.Signed.Timestamp = t, f.time.signed
	case !f.time.signed:
	case ok:
		ev.TimeFault = refuse(MalformedTimestamp, "%s is not a time in the format %s", f.time, f.clock)
	case in.repeated:
		ev.TimeFault = refuse(MalformedTimestamp, "%s is there more than once", f.time)
	}
}

// readRest sets the event's ID and type. It fails where a fact was looked for in a
// document that is not JSON.
func (f *facts) readRest(in *reading, ev *Event) error {
	var err error
	if ev.ID, ev.Signed.ID, err = firstOf(f.ids, in, "event ID"); err != nil {
		return in.sound(err)
	}
	ev.Type, ev.Signed.Type, err = firstOf(f.types, in, "event type")
	return in.sound(err)
}

// firstOf returns the text of the first place that the request has.
func firstOf(places []place, in *reading, what string) (text string, signed bool, err error) {
	for i := range places {
		p := &places[i]
		text, ok := p.identity(in)
		switch {
		case !ok || text == "":
			continue
		case len(text) > maxFact && p.signed:
			return "", false, refuse(MalformedBody, "the %s is longer than %d bytes", what, maxFact)
		case len(text) > maxFact:
			continue
		case p.shares():
			text = strings.Clone(text)
		}
		return text, p.signed, nil
	}
	return "", false, nil
}

// refuse makes the error of a refused request. The detail is for logs. It may name the
// expected value, but never a secret or a signature.
func refuse(reason Reason, detail string, args ...any) error {
	return fmt.Errorf("%w: "+detail, append([]any{reason}, args...)...)
}

// Claims reads the event's ID and type from a request that was refused. Nothing
// vouches for them: they may be shown and sorted by, and no more. They are empty where
// the scheme or the request does not contain them.
func Claims(scheme Scheme, r *Request) (id, eventType string) {
	if s, ok := scheme.(claimer); ok {
		return s.claims(r)
	}
	return "", ""
}

// claimer is implemented by every scheme that embeds [Facts].
type claimer interface {
	claims(r *Request) (id, eventType string)
}

func (f Facts) claims(r *Request) (id, eventType string) {
	c, err := f.compile()
	if err != nil {
		return "", ""
	}
	var in reading
	in.start(r)
	defer in.stop()
	in.strict = true
	if c.open(context.Background(), &in) != nil {
		return "", ""
	}
	var ev Event
	if c.readRest(&in, &ev) != nil {
		return "", ""
	}
	return ev.ID, ev.Type
}

// claimsUnder returns the claims under the first beginning of header names that has any.
func (f Facts) claimsUnder(variants []string, r *Request) (id, eventType string) {
	for _, start := range startsOf(variants) {
		if id, eventType = f.variant(start).claims(r); id != "" || eventType != "" {
			break
		}
	}
	return id, eventType
}

// places are the templates of all facts.
func (f *facts) places() []place {
	all := slices.Concat(f.ids, f.types)
	if f.time != nil {
		all = append(all, *f.time)
	}
	return all
}
