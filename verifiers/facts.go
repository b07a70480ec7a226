package verifiers

import (
	"fmt"
	"strings"
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
}

// place is a template, and whether the signature covers what it finds.
type place struct {
	*Template
	signed bool
}

// compile checks the facts. Until [facts.cover] is called no part is signed.
func (f Facts) compile() (facts, error) {
	var c facts
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
	if c.types, err = factPlaces(f.EventType); err != nil {
		return c, fmt.Errorf("event type: %w", err)
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

// cover derives which of the facts stand under the signature.
func (f *facts) cover(c coverage) {
	if f.time != nil {
		f.time.signed = c.covers(f.time.Template)
	}
	for _, places := range [][]place{f.ids, f.types} {
		for i := range places {
			places[i].signed = c.covers(places[i].Template)
		}
	}
}

// reads tells whether any of the facts looks there.
func (f *facts) reads(from source) bool {
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

// readTime sets the event's time. A time that is not signed and cannot be read
// is no time; a signed one that cannot be read is an error.
func (f *facts) readTime(in *reading, ev *Event) error {
	if f.time == nil {
		return nil
	}
	in.repeated = false
	text, ok := f.time.in(in)
	switch {
	case !ok && in.repeated && f.time.signed:
		return refuse(MalformedTimestamp, "%s is there more than once", f.time)
	case !ok:
		return nil
	}
	t, ok := f.clock.parse(text)
	switch {
	case !ok && f.time.signed:
		return refuse(MalformedTimestamp, "%s is not a time in the format %s", f.time, f.clock)
	case !ok:
		return nil
	}
	ev.Timestamp, ev.Signed.Timestamp = t, f.time.signed
	return nil
}

// readRest sets the event's ID and type.
func (f *facts) readRest(in *reading, ev *Event) error {
	var err error
	if ev.ID, ev.Signed.ID, err = firstOf(f.ids, in, "event ID"); err != nil {
		return err
	}
	ev.Type, ev.Signed.Type, err = firstOf(f.types, in, "event type")
	return err
}

// firstOf returns the text of the first place that the request has.
func firstOf(places []place, in *reading, what string) (text string, signed bool, err error) {
	for i := range places {
		p := &places[i]
		text, ok := p.in(in)
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
