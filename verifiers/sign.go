package verifiers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// sign writes the facts, then the signature that make returns.
func (s *signed) sign(w *writing, f Facts, in *reading, make func() ([]byte, error)) error {
	if err := w.facts(f); err != nil {
		return err
	}
	in.start(w.r)
	if err := s.facts.open(context.Background(), in); err != nil {
		return err
	}
	in.params = w.params
	if s.facts.time != nil {
		in.timestamp, _ = s.facts.time.in(in)
	}
	for _, p := range s.facts.ids {
		if text, ok := p.in(in); ok {
			in.id = text
			break
		}
	}
	sum, err := make()
	if err != nil {
		return fmt.Errorf("computing the signature: %w", err)
	}
	value, err := s.signature.write(s.signature.encoding.encode(sum), in)
	if err != nil {
		return err
	}
	return w.put(s.signature.From, s.signature.Names[0], value)
}

// write formats a signature as the provider would.
func (s *signature) write(sig string, in *reading) (string, error) {
	if s.Layout != "" {
		return strings.NewReplacer("{timestamp}", in.timestamp, "{id}", in.id, "{signature}", sig).Replace(s.Layout), nil
	}
	prefix := s.Prefix
	if s.hashed {
		prefix = s.before + s.hashes[0] + s.after
	}
	if s.Separator != "" && s.Assign == "" && len(s.Keys) > 0 && s.Keys[0] != fmt.Sprint(len(in.params)) {
		return "", fmt.Errorf("signature: its layout has to be given, since its position is not the one after the time")
	}
	var items []string
	for _, p := range in.params {
		items = append(items, s.pair(p.key, p.value))
	}
	key := ""
	if len(s.Keys) > 0 {
		if key = s.Keys[0]; key == "*" {
			key = "key" // any will do
		}
	}
	return prefix + strings.Join(append(items, s.pair(key, sig)), s.Separator), nil
}

func (s *signature) pair(key, value string) string {
	if s.Assign == "" {
		return value
	}
	return key + s.Assign + value
}

// writing is a request while it is signed.
type writing struct {
	r      *Request
	now    time.Time
	id     string  // of the event
	params []param // for the signature's list, in the order they were written
}

// facts writes the time, and the ID unless it is there already.
func (w *writing) facts(f Facts) error {
	c, err := f.compile()
	if err != nil {
		return err
	}
	for _, condition := range slices.Concat(f.Require, f.Addressee) {
		if err := w.meet(condition, f.Options); err != nil {
			return err
		}
	}
	if c.time != nil {
		if err := w.fill(c.time.Template, c.clock.format(w.now)); err != nil {
			return fmt.Errorf("writing the timestamp: %w", err)
		}
	}
	in := reading{}
	in.start(w.r)
	if err := c.open(context.Background(), &in); err != nil {
		return err
	}
	for _, p := range c.ids {
		if text, ok := p.in(&in); ok && text != "" {
			return nil
		}
	}
	for _, p := range c.ids {
		if len(p.parts) == 1 && p.kindOf() != fromJSON && p.kindOf() != fromField {
			if err := w.fill(p.Template, w.id); err != nil {
				return fmt.Errorf("writing the event ID: %w", err)
			}
			return nil
		}
	}
	return nil
}

// meet writes a value that meets a condition if the request has nothing there.
func (w *writing) meet(c Condition, options map[string]string) error {
	if c.Absent || len(c.Is) == 0 {
		return nil
	}
	value := c.Is[0]
	if name, ok := optionName(value); ok {
		value, _, _ = strings.Cut(strings.TrimSpace(options[name]), " ")
	}
	t, err := ParseTemplate(c.Of)
	if err != nil {
		return err
	}
	return w.fillOnce(t, value)
}

// fillOnce writes value to the place of a template unless something is there, or there
// is no template or no value.
func (w *writing) fillOnce(t *Template, value string) error {
	if t == nil || value == "" {
		return nil
	}
	in := reading{params: w.params}
	in.start(w.r)
	in.params = w.params
	if _, ok := t.in(&in); ok {
		return nil
	}
	return w.fill(t, value)
}

// kindOf returns the part of a request that the only token of a template looks at.
func (t *Template) kindOf() source {
	if t.parts[0].kind == nil {
		return fromElsewhere
	}
	return t.parts[0].kind.from
}

// fill writes value to the place of a template, if that is a single place outside the
// body. Texts around the token, such as the Z behind a time without a zone, are not part
// of what is written.
func (w *writing) fill(t *Template, value string) error {
	parts := t.parts
	if first := parts[0]; first.name == "" && len(parts) > 1 {
		value, parts = strings.TrimPrefix(value, first.literal), parts[1:]
	}
	if last := parts[len(parts)-1]; last.name == "" && len(parts) > 1 {
		value, parts = strings.TrimSuffix(value, last.literal), parts[:len(parts)-1]
	}
	if len(parts) != 1 {
		return nil
	}
	switch p := parts[0]; p.name {
	case "header", "query":
		return w.put(p.name, p.arg, value)
	case "param":
		w.params = append(w.params, param{p.arg, value})
	}
	return nil
}

// put writes a value to the place where a scheme looks for it.
func (w *writing) put(from, name, value string) error {
	switch from {
	case "", "header":
		if w.r.Header == nil {
			w.r.Header = http.Header{}
		}
		w.r.Header.Set(name, value)
	case "query":
		return w.putQuery(name, value)
	case "form":
		in := reading{}
		if in.start(w.r); in.isMultipart() {
			return errors.New("the signature belongs into a form; give it urlencoded, not as multipart")
		}
		pair := url.QueryEscape(name) + "=" + url.QueryEscape(value)
		if len(w.r.Body) > 0 {
			pair = "&" + pair
		}
		w.r.Body = append(w.r.Body[:len(w.r.Body):len(w.r.Body)], pair...)
	case "json":
		return w.putJSON(name, value)
	}
	return nil
}

// putQuery appends to the URL and leaves the rest of its spelling alone.
func (w *writing) putQuery(name, value string) error {
	sep := "?"
	if strings.Contains(w.r.URL, "?") {
		sep = "&"
	}
	if strings.Contains(w.r.URL, "#") {
		return fmt.Errorf("the URL has a fragment, which is never sent; leave it out")
	}
	w.r.URL += sep + url.QueryEscape(name) + "=" + url.QueryEscape(value)
	return nil
}

// putJSON replaces a value of the body in place, so that all else keeps its
// spelling.
func (w *writing) putJSON(path, value string) error {
	found := gjson.GetBytes(w.r.Body, path)
	if !found.Exists() || found.Index == 0 {
		return fmt.Errorf("the signature belongs into the body at %s; put an empty string there", path)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return err
	}
	rest := string(w.r.Body[found.Index+len(found.Raw):])
	w.r.Body = append(append(w.r.Body[:found.Index:found.Index], quoted...), rest...)
	return nil
}
