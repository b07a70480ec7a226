package verifiers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxFact bounds an event's ID and type. No provider comes near it; what is
// longer is not worth keeping for the whole of a dedupe window.
const maxFact = 1024

// facts are compiled [Facts]: what every scheme reports about a request besides
// whether it is genuine.
type facts struct {
	time  *place // nil: the provider gives none
	clock clock
	ids   []place
	types []place

	documents []*Template // where the document may stand, if it is not the body
	inflate   bool
	required  []*condition
	addressee []*condition
	options   map[string]string
}

// place is a template, and whether the signature covers what it finds.
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
			return c, fmt.Errorf("document: template %q: the document is what {json:…} looks at", text)
		}
		c.documents = append(c.documents, t)
	}
	if c.required, err = compileConditions(f.Require, f.Options); err != nil {
		return c, fmt.Errorf("require: %w", err)
	}
	if c.addressee, err = compileConditions(f.Addressee, f.Options); err != nil {
		return c, fmt.Errorf("addressee: %w", err)
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

// begin lets the endpoint's options and the document be found.
func (f *facts) begin(in *reading) {
	in.options, in.documents = f.options, f.documents
}

// open makes what was received ready to be read: it unpacks the body where that
// is due. What the headers alone can show to be wrong should be refused before.
func (f *facts) open(ctx context.Context, in *reading) error {
	f.begin(in)
	if f.inflate {
		return in.inflate(ctx)
	}
	return nil
}

// require refuses a request whose signature would not mean what it seems to.
func (f *facts) require(in *reading) error {
	for _, c := range f.required {
		if !c.ungiven && !c.holds(in) {
			return refuse(MalformedSignature, "%s is not what the scheme requires", c.of)
		}
	}
	return nil
}

// address refuses an event that is somebody else's.
func (f *facts) address(in *reading) error {
	for _, c := range f.addressee {
		if !c.ungiven && !c.holds(in) {
			return in.sound(refuse(WrongAudience, "%s is not this endpoint's", c.of))
		}
	}
	return nil
}

// vouch fails where the addressee stands outside the signature, so that anybody
// could change it.
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

// reads tells whether any of the facts looks there, or the addressee's conditions
// do.
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

// readTime sets the event's time. A time that is not signed and cannot be read
// is no time; of a signed one it is noted why it cannot be read.
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

// refuse makes the error of a refused request. The detail is for logs and may
// name what was expected, never what a secret or a signature is.
func refuse(reason Reason, detail string, args ...any) error {
	return fmt.Errorf("%w: "+detail, append([]any{reason}, args...)...)
}
