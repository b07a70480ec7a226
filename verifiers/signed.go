package verifiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// signed is the compiled part that schemes with a signature over parts of a request
// have in common: the place of the signature, the signed content, and the facts. Each
// scheme makes its signatures in its own way.
type signed struct {
	signature *signature
	content   *Template
	facts     facts

	covers      Fields // Body and URL; the rest depends on what a request has
	usesID      bool   // the content has {id}
	usesTime    bool   // the content has the time, not just the body it stands in
	bareTime    bool   // with nothing between the time and its neighbour
	signsJSON   bool   // the signature or the content cannot be found without JSON
	readsJSON   bool
	outside     bool     // the signature stands outside the body
	timeOutside bool     // and so does a time that the content has
	contentBody bool     // the body is covered, so that it is the event's content
	contentDoc  bool     // the document is, which may be the body or not
	pieces      bool     // values out of the document are, but not all of it
	needs       []string // headers without which there can be no signature
}

// signedState is the memory for verifying one request.
type signedState struct {
	in    reading
	found candidates
}

// matcher checks the signatures that were found. The error of a wrong one wraps
// [WrongSignature].
type matcher interface {
	match(ctx context.Context) error
}

// compile checks the parts. The templates besides are the scheme's own, such as that of
// the key's ID.
func (s *signed) compile(sig *signature, content string, f Facts, besides []*Template) (err error) {
	s.signature = sig
	if s.facts, err = f.compile(); err != nil {
		return err
	}
	if err := s.compileContent(content, besides); err != nil {
		return fmt.Errorf("signed content: %w", err)
	}
	s.listNeeds()
	return nil
}

// compileContent checks the signed content and derives its coverage.
func (s *signed) compileContent(text string, besides []*Template) error {
	content, err := ParseTemplate(text)
	if err != nil {
		return err
	}
	switch {
	case content.constant():
		return errors.New("it contains nothing of the request; the usual one is {body}")
	case content.has("timestamp") && s.facts.time == nil:
		return errors.New("it contains {timestamp} but the scheme does not say where the timestamp stands")
	case content.has("id") && len(s.facts.ids) == 0:
		return errors.New("it contains {id} but the scheme does not say where the event ID stands")
	}
	for _, p := range content.parts {
		if p.name == "option" && s.facts.options[p.arg] == "" {
			return fmt.Errorf("it contains the option %s, which is not given", p.arg)
		}
	}
	s.content = content
	covered := coverageOf(content, &s.facts)
	s.facts.cover(covered)
	s.covers = Fields{Body: covered.body, URL: covered.url}
	s.contentBody = covered.body
	s.contentDoc = !covered.body && content.has("document")
	s.pieces = !covered.body && !s.contentDoc && content.has("json")
	s.facts.paths.folds = s.pieces
	s.facts.paths.add(content)
	s.facts.paths.add(besides...)
	s.signature.addPaths(s.facts.paths)
	s.usesID = content.has("id")
	if s.usesID {
		for i := range s.facts.ids {
			s.facts.ids[i].signed = true // {id} inserts the one that is found
		}
	}
	if s.facts.time != nil {
		single := coverage{single: covered.single}
		s.usesTime = single.covers(s.facts.time.Template) && !s.facts.time.constant()
		s.bareTime = s.usesTime && touches(content, s.facts.time.Template)
	}
	if err := s.facts.vouch(covered); err != nil {
		return err
	}
	return s.checkReads(besides)
}

// checkReads derives which of the templates read JSON or the body.
func (s *signed) checkReads(besides []*Template) error {
	all := append(slices.Clone(besides), s.content)
	for _, c := range s.facts.required {
		all = append(all, c.of)
	}
	s.signsJSON = s.signature.From == "json"
	for _, t := range all {
		s.signsJSON = s.signsJSON || t.reads(fromJSON)
	}
	for _, c := range s.facts.addressee {
		all = append(all, c.of)
	}
	for _, p := range s.facts.places() {
		all = append(all, p.Template)
	}
	if !s.signature.list() && slices.ContainsFunc(all, func(t *Template) bool { return t.has("param") }) {
		return errors.New("a template contains {param:…} but the signature is not a list; add a separator")
	}
	if s.usesTime && s.content.has("timestamp") && s.facts.time.reads(fromJSON) {
		s.signsJSON = true
	}
	if s.usesID && slices.ContainsFunc(s.facts.ids, func(p place) bool { return p.reads(fromJSON) }) {
		s.signsJSON = true
	}
	s.readsJSON = s.signsJSON || s.facts.reads(fromJSON)
	s.outside = s.signature.outside()
	s.timeOutside = s.usesTime && !s.facts.time.readsBody()
	return nil
}

// verify checks a request and returns its event.
func (s *signed) verify(ctx context.Context, st *signedState, m matcher) (Event, error) {
	ev, err := s.verifyAll(ctx, st, m)
	if st.in.fault != nil {
		return Event{}, st.in.fault
	}
	return ev, err
}

// verifyAll does the cheap work first: a request that is wrong in its request line or
// headers is refused before the body is inflated or parsed.
func (s *signed) verifyAll(ctx context.Context, st *signedState, m matcher) (Event, error) {
	in := &st.in
	s.facts.begin(in)
	if s.outside {
		if err := s.signature.find(in, &st.found); err != nil {
			return Event{}, err
		}
		if s.timeOutside && (s.signsJSON || s.facts.inflate) && len(st.found.groups) == 0 {
			if err := s.readSignedTime(in, new(Event)); err != nil {
				return Event{}, err
			}
		}
	}
	if err := s.facts.open(ctx, in); err != nil {
		return Event{}, err
	}
	if s.signsJSON && !in.validJSON() {
		return Event{}, refuse(MalformedBody, "it is not JSON")
	}
	if !s.outside {
		if err := s.signature.find(in, &st.found); err != nil {
			return Event{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return Event{}, err
	}
	if len(st.found.groups) > 0 {
		return s.verifyGroups(ctx, st, m)
	}
	return s.verifyFound(ctx, st, m)
}

// verifyGroups tries each group of signatures, with the items beside them, as if it
// were the only one.
func (s *signed) verifyGroups(ctx context.Context, st *signedState, m matcher) (ev Event, err error) {
	list, params := st.found.list, st.in.params
	for i, g := range st.found.groups {
		if err := ctx.Err(); err != nil {
			return Event{}, err
		}
		st.found.list, st.in.params = list[g.first:g.last], params[g.firstParam:g.lastParam]
		var wrong error
		if ev, wrong = s.verifyFound(ctx, st, m); wrong == nil {
			err = nil
			break
		}
		if i == 0 || ReasonOf(wrong) == WrongSignature {
			err = wrong
		}
	}
	st.found.list, st.in.params = list, params
	return ev, err
}

func (s *signed) verifyFound(ctx context.Context, st *signedState, m matcher) (Event, error) {
	in, ev := &st.in, Event{Signed: s.covers}
	in.pieces = s.pieces
	if err := s.facts.require(in); err != nil {
		return Event{}, err
	}
	if err := s.prepare(in, &ev); err != nil {
		return Event{}, err
	}
	if err := m.match(ctx); err != nil {
		return Event{}, err
	}
	in.strict = s.readsJSON && !s.signsJSON
	if err := s.facts.address(in); err != nil {
		return Event{}, err
	}
	if !s.usesTime {
		s.facts.readTime(in, &ev)
	}
	if err := s.facts.readRest(in, &ev); err != nil {
		return Event{}, err
	}
	ev.Content = in.r.Body
	if s.contentDoc {
		in.document()
		ev.Signed.Body = !in.docFound
	}
	if !ev.Signed.Body {
		content := contentBuffer{in: in}
		in.secret = "" // identifies no event
		s.content.writeTo(&content, in)
		ev.Content = content.b
	}
	return ev, nil
}

// touches reports whether another token stands right beside the time in the signed
// content. Digits could then move from one to the other without changing it.
func touches(content, time *Template) bool {
	for i := range len(content.parts) - 1 {
		a, b := content.parts[i], content.parts[i+1]
		isTime := func(p part) bool {
			return p.name == "timestamp" || p.name == time.parts[0].name && p.arg == time.parts[0].arg
		}
		if a.kind != nil && b.kind != nil && (isTime(a) || isTime(b)) {
			return true
		}
	}
	return false
}

// prepare finds the time and the ID that the content needs, each in the sender's
// spelling.
func (s *signed) prepare(in *reading, ev *Event) error {
	if s.usesTime {
		if err := s.readSignedTime(in, ev); err != nil {
			return err
		}
	}
	if !s.usesID {
		return nil
	}
	in.repeated = false
	for i := range s.facts.ids {
		id, ok := s.facts.ids[i].in(in)
		switch {
		case in.repeated:
			return refuse(MalformedSignature, "the signed event ID %s is there more than once", s.facts.ids[i])
		case !ok || id == "":
			continue
		case len(id) > maxFact:
			return refuse(MalformedSignature, "the signed event ID is longer than %d bytes", maxFact)
		}
		in.id = id
		return nil
	}
	return refuse(MissingSignature, "no %s, which is part of the signed content", s.facts.ids[0])
}

// readSignedTime reads a time that is part of the signed content.
func (s *signed) readSignedTime(in *reading, ev *Event) error {
	if s.facts.readTime(in, ev); ev.TimeFault != nil {
		return ev.TimeFault
	}
	if ev.Timestamp.IsZero() {
		return refuse(MissingTimestamp, "no %s", s.facts.time)
	}
	in.timestamp, _ = s.facts.time.in(in)
	if s.bareTime && !s.facts.clock.whole(in.timestamp) {
		return refuse(MalformedTimestamp, "%s has too few digits, or too many", s.facts.time)
	}
	return nil
}

// absence is the error of a request that lacks part of the signed content.
func absence(in *reading, absent *part) error {
	name := absent.name
	if absent.arg != "" {
		name += ":" + absent.arg
	}
	if in.repeated {
		return refuse(MalformedSignature, "the signed {%s} is there more than once", name)
	}
	return refuse(MissingSignature, "no {%s}, which is part of the signed content", name)
}

// Plausible reports whether the headers that the signature needs are there, and
// whether a signature outside the body can be read.
func (s *signed) Plausible(r *Request) bool {
	if s.countHeaders(r) < len(s.needs) {
		return false
	}
	if !outsideBody(s.signature.From) {
		return true
	}
	var st signedState
	st.in.start(withoutBody(r))
	return s.signature.find(&st.in, &st.found) == nil
}
