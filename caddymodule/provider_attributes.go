package caddymodule

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// An attribute is a word within a line, followed by its values.
type attribute int

const (
	bareWord attribute = iota
	oneValue
	manyValues
)

// parseNames reads `<from> [<name>] <attribute>...`, where the attribute `or`
// gives further names.
func parseNames(d *caddyfile.Dispenser, fields map[string]any, known map[string]attribute) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	from := d.Val()
	fields["from"] = from
	var names []string
	if from != "bearer" && from != "basic" {
		if !d.NextArg() {
			return d.Errf("%s needs a name", from)
		}
		names = append(names, d.Val())
	}
	known["or"] = manyValues
	if err := parseAttributes(d, fields, known); err != nil {
		return err
	}
	if more, ok := fields["or"].([]string); ok {
		names = append(names, more...)
		delete(fields, "or")
	}
	if len(names) > 0 {
		fields["names"] = names
	}
	return nil
}

// parseAttributes reads attributes to the end of the line.
func parseAttributes(d *caddyfile.Dispenser, fields map[string]any, known map[string]attribute) error {
	for d.NextArg() {
		name := d.Val()
		kind, ok := known[name]
		if !ok {
			names := slices.Sorted(maps.Keys(known))
			return d.Errf("unknown word %q; here may stand %s", name, strings.Join(names, ", "))
		}
		switch kind {
		case bareWord:
			fields[name] = true
		case oneValue:
			if !d.NextArg() {
				return d.Errf("%s needs a value", name)
			}
			fields[name] = d.Val()
		case manyValues:
			values := untilAttribute(d, known)
			if len(values) == 0 {
				return d.Errf("%s needs a value", name)
			}
			fields[name] = values
		}
	}
	return nil
}

// untilAttribute reads arguments up to the next word that is an attribute.
func untilAttribute(d *caddyfile.Dispenser, known map[string]attribute) (values []string) {
	for d.NextArg() {
		if _, ok := known[d.Val()]; ok {
			d.Prev()
			break
		}
		values = append(values, d.Val())
	}
	return values
}
