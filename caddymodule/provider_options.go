package caddymodule

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalOption reads one line of a provider's own, each of which overrides a
// field of its scheme:
//
//	secret        <secret...>
//	hash          sha256|sha1|sha384|sha512|md5
//	signature     header|query|form|json <name> [<attribute>...]
//	signed        <template>
//	timestamp     header|param|query|form|json <name> [format <format>]
//	event_id      header|param|query|form|json <name>
//	event_type    header|param|query|form|json <name>
//	secret_format [encoding <encoding>] [prefixes <prefix...>] [suffix <suffix>]
//	digest
//	variants      <prefix...>
//	token         header|query|form|json <name> [or <name>] [prefix <prefix>]
//	token         bearer|basic
//
// The attributes of signature are or (another name; the first that is present
// counts), prefix, separator, assign, keys, encoding, layout, repeated and
// optional_prefix. Instead of a place, `template <text>`
// composes a time, an ID or a type of several. event_id and event_type may be
// given more than once: the first that is present counts.
func (p *Provider) UnmarshalOption(d *caddyfile.Dispenser) error {
	name := d.Val()
	if name == "secret" {
		args := d.RemainingArgs()
		if len(args) == 0 || slices.Contains(args, "") {
			return d.Err("an empty secret would let everybody in; write `secret {env.NAME}`")
		}
		p.Secrets = append(p.Secrets, args...)
		return nil
	}
	parse, ok := optionParsers[name]
	if !ok {
		return d.Errf("unknown subdirective %q", name)
	}
	changes, err := parse(d, name)
	if err != nil {
		return err
	}
	options := maps.Clone(p.Options)
	if options == nil {
		options = make(map[string]json.RawMessage)
	}
	for key, value := range changes {
		raw, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if list, ok := value.([]string); ok && options[key] != nil {
			if raw, err = extend(options[key], list); err != nil {
				return err
			}
		}
		options[key] = raw
	}
	if _, err := override(p.row.Scheme, options); err != nil {
		return d.Errf("%s does not go with provider %s: %v", name, p.row.Name, err)
	}
	p.Options = options
	return nil
}

// extend adds to a list that an earlier line began.
func extend(before json.RawMessage, list []string) (json.RawMessage, error) {
	var all []string
	if err := json.Unmarshal(before, &all); err != nil {
		return nil, err
	}
	return json.Marshal(append(all, list...))
}

// An optionParser reads the rest of a line as fields of the scheme.
type optionParser func(d *caddyfile.Dispenser, name string) (map[string]any, error)

var optionParsers = map[string]optionParser{
	"hash":          parseText,
	"signed":        parseText,
	"digest":        parseFlag,
	"variants":      parseList,
	"event_id":      parsePlaces,
	"event_type":    parsePlaces,
	"timestamp":     parseTimestamp,
	"signature":     parseSignature,
	"secret_format": parseSecretFormat,
	"token":         parseToken,
}

func parseText(d *caddyfile.Dispenser, name string) (map[string]any, error) {
	var text string
	err := oneArg(d, &text)
	return map[string]any{name: longhand(text)}, err
}

func parseFlag(d *caddyfile.Dispenser, name string) (map[string]any, error) {
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	return map[string]any{name: true}, nil
}

func parseList(d *caddyfile.Dispenser, name string) (map[string]any, error) {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return nil, d.ArgErr()
	}
	return map[string]any{name: args}, nil
}

func parsePlaces(d *caddyfile.Dispenser, name string) (map[string]any, error) {
	place, err := parsePlace(d)
	if err != nil {
		return nil, err
	}
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	return map[string]any{name: []string{place}}, nil
}

func parseTimestamp(d *caddyfile.Dispenser, name string) (map[string]any, error) {
	place, err := parsePlace(d)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{"from": place}
	err = parseAttributes(d, fields, map[string]attribute{"format": oneValue})
	return map[string]any{name: fields}, err
}

// parsePlace reads where a value stands, as a template.
func parsePlace(d *caddyfile.Dispenser) (string, error) {
	option := d.Val()
	var from, name string
	if !readTwo(d, &from, &name) {
		return "", d.Errf("%s stands where? Write `%s header <name>`, `%s json <path>` or the like", option, option, option)
	}
	switch from {
	case "header", "json", "query", "form", "param":
		return "{" + from + ":" + name + "}", nil
	case "template":
		return longhand(name), nil
	}
	return "", d.Errf("%s: %q is no place; there are header, json, query, form, param and template", option, from)
}

// readTwo reads two arguments and leaves the rest of the line.
func readTwo(d *caddyfile.Dispenser, a, b *string) bool {
	if !d.NextArg() {
		return false
	}
	*a = d.Val()
	if !d.NextArg() {
		return false
	}
	*b = d.Val()
	return true
}

func parseSignature(d *caddyfile.Dispenser, name string) (map[string]any, error) {
	fields := make(map[string]any)
	err := parseNames(d, fields, map[string]attribute{
		"prefix": oneValue, "separator": oneValue, "assign": oneValue, "encoding": oneValue, "layout": oneValue,
		"keys": manyValues, "repeated": bareWord, "optional_prefix": bareWord,
	})
	return map[string]any{name: fields}, err
}

func parseToken(d *caddyfile.Dispenser, _ string) (map[string]any, error) {
	fields := make(map[string]any)
	return fields, parseNames(d, fields, map[string]attribute{"prefix": oneValue})
}

func parseSecretFormat(d *caddyfile.Dispenser, _ string) (map[string]any, error) {
	fields := make(map[string]any)
	return map[string]any{"secret": fields}, parseAttributes(d, fields, map[string]attribute{
		"encoding": oneValue, "unprefixed": oneValue, "suffix": oneValue, "prefixes": manyValues,
	})
}

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

// longhand undoes what the Caddyfile's shorthands make of a template's tokens.
var longhand = strings.NewReplacer(
	"{http.request.method}", "{method}",
	"{http.request.uri.path}", "{path}",
	"{http.request.uri.query}", "{query}",
).Replace

// optionFlag is an option as the command line gives it, `name=value`.
func (p *Provider) optionFlag(option string) error {
	name, value, ok := strings.Cut(option, "=")
	if !ok || name == "secret" {
		return fmt.Errorf("option %q is not of the form name=value", option)
	}
	tokens, err := caddyfile.Tokenize([]byte(name+" "+value), "--option")
	if err != nil {
		return err
	}
	d := caddyfile.NewDispenser(tokens)
	d.Next()
	return p.UnmarshalOption(d)
}

var _ Configurable = (*Provider)(nil)
