package verifiers

import (
	"fmt"
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

// coverage is what a signature covers.
type coverage struct {
	everything bool
	body, url  bool
	query      bool
	path       bool
	single     map[[2]string]bool // tokens of which only they are covered: name and argument
}

// coverageOf reads a coverage off the signed content. Where the content has
// {timestamp} or {id}, the places they come from are covered too.
func coverageOf(content *Template, f *facts) coverage {
	c := coverage{single: map[[2]string]bool{}}
	add := func(t *Template) {
		for _, p := range t.parts {
			switch {
			case p.kind == nil:
			case p.kind.from == fromBody:
				c.body = true
			case p.kind.from == fromURL:
				c.url, c.query, c.path = true, true, true
			case p.kind.from == fromQuery && p.arg == "":
				c.query = true
			case p.kind.from == fromPath:
				c.path = true
			default:
				c.single[[2]string{p.name, p.arg}] = true
			}
		}
	}
	add(content)
	if content.has("timestamp") && f.time != nil {
		add(f.time.Template)
	}
	// Of several places of the ID it is not known beforehand which one will be
	// signed, so then only {id} itself is covered, which facts.cover allows for.
	if content.has("id") && len(f.ids) == 1 {
		add(f.ids[0].Template)
	}
	return c
}

// covers tells whether all of a template's parts are covered.
func (c coverage) covers(t *Template) bool {
	if c.everything {
		return true
	}
	for _, p := range t.parts {
		if p.kind == nil || c.single[[2]string{p.name, p.arg}] {
			continue
		}
		switch p.kind.from {
		case fromBody, fromField, fromJSON:
			if c.body {
				continue
			}
		case fromURL:
			if c.url {
				continue
			}
		case fromQuery:
			if c.query {
				continue
			}
		case fromPath:
			if c.path {
				continue
			}
		}
		return false
	}
	return true
}

// refuse makes the error of a refused request. The detail is for logs and may
// name what was expected, never what a secret or a signature is.
func refuse(reason Reason, detail string, args ...any) error {
	return fmt.Errorf("%w: "+detail, append([]any{reason}, args...)...)
}

// clock is a format of times.
type clock string

const (
	clockUnix    clock = "unix"
	clockUnixMS  clock = "unix_ms"
	clockRFC3339 clock = "rfc3339"
	clockRFC1123 clock = "rfc1123"
)

func clockOf(format string) (clock, error) {
	switch c := clock(format); c {
	case "":
		return clockUnix, nil
	case clockUnix, clockUnixMS, clockRFC3339, clockRFC1123:
		return c, nil
	}
	return "", fmt.Errorf("unknown format %q: want unix, unix_ms, rfc3339 or rfc1123", format)
}

// lastSecond is the end of the year 9999.
const lastSecond = 253402300799

// parse reads a time between the years 1970 and 9999.
func (c clock) parse(text string) (time.Time, bool) {
	var t time.Time
	var err error
	switch c {
	case clockUnix:
		n, ok := digits(text, lastSecond)
		return time.Unix(n, 0), ok
	case clockUnixMS:
		n, ok := digits(text, lastSecond*1000+999)
		return time.UnixMilli(n), ok
	case clockRFC1123:
		if len(text) > 40 {
			return t, false
		}
		// Not time.RFC1123: it takes any abbreviation of a zone for UTC.
		if t, err = time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", text); err != nil {
			t, err = time.Parse(time.RFC1123Z, text)
		}
	case clockRFC3339:
		if len(text) > 64 {
			return t, false
		}
		err = t.UnmarshalText(bytesOf(text)) // stricter than time.Parse
	}
	return t, err == nil && t.Unix() > 0 && t.Unix() <= lastSecond
}

// format writes a time as the provider would.
func (c clock) format(t time.Time) string {
	switch c {
	case clockUnixMS:
		return fmt.Sprint(t.UnixMilli())
	case clockRFC3339:
		return t.UTC().Format(time.RFC3339)
	case clockRFC1123:
		return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	}
	return fmt.Sprint(t.Unix())
}

// digits reads a positive decimal number without sign or leading zero.
func digits(text string, most int64) (int64, bool) {
	if text == "" || len(text) > 15 || text[0] == '0' {
		return 0, false
	}
	var n int64
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n <= most
}
