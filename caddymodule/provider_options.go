package caddymodule

import (
	"encoding/json"
	"errors"
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
//	probe         <method...>             # HEAD, GET or OPTIONS: answered with 200, unsigned
//	<option>      <value...>              # the provider's own, such as verify_token
//	hash          sha256|sha1|sha384|sha512|md5
//	signature     header|query|form|json <name> [<attribute>...]
//	signed        <template>
//	timestamp     header|param|query|form|json <name> [format <format>]
//	event_id      header|param|query|form|json <name>
//	event_type    header|param|query|form|json <name>
//	secret_format [encoding <encoding>] [prefixes <prefix...>] [suffix <suffix>]
//	digest
//	variants      <prefix...>
//	document      <template...>           # where the JSON stands, if not in the body
//	inflate                               # unpack a body in gzip first
//	require       <template> [is <value...>|like <regexp>|begins <text>|absent] [fold]
//	token         header|query|form|json <name> [or <name>] [prefix <prefix>]
//	token         bearer [query <name>]   # or in this parameter of the URL
//	token         basic                   # not for a JSON web token
//	algorithm     ed25519|ecdsa|rsa       # of a public key
//	algorithms    <name...>               # that a JSON web token may be signed with
//	keys          <url> [format jwks|pem|json] [path <path>] [pin <regexp...>] [key_id <template>]
//	key_id        <template>              # which secret counts, by the option key
//	body_hash     <claim> [hash <hash>] [encoding <encoding>] [optional]
//	url_hash      <claim> [hash <hash>] [encoding <encoding>] [optional]
//
// The attributes of signature are or (another name; the first that is present
// counts), all (any that is present counts), prefix, groups, separator, assign,
// keys, encoding, layout, repeated and optional_prefix. Instead of a place,
// `template <text>` composes a time, an ID or a type of several. event_id,
// event_type, document, algorithms and require may be given more than once: of
// the first three, the first that is present counts.
func (p *Provider) UnmarshalOption(d *caddyfile.Dispenser) error {
	name := d.Val()
	if o, ok := p.option(name); ok {
		if err := p.giveOption(o, d.RemainingArgs()); err != nil {
			return d.Err(err.Error())
		}
		return nil
	}
	if p.seen == nil {
		p.seen = make(map[string]bool)
	}
	found, err := providerBlock.readLine(p, d, p.seen)
	if !found {
		err = d.Errf("unknown subdirective %q%s", name, p.known(name))
	}
	return err
}

// providerBlock reads the lines that are not of a single provider.
var providerBlock = block[*Provider]{lines: []subdirective[*Provider]{
	{name: "algorithm", read: schemeLine(parseText)},
	{name: "algorithms", read: schemeLine(parseList), many: true},
	{name: "body_hash", read: schemeLine(parseClaimHash)},
	{name: "digest", read: schemeLine(parseFlag)},
	{name: "document", read: schemeLine(parseList), many: true},
	{name: "event_id", read: schemeLine(parsePlaces), many: true},
	{name: "event_type", read: schemeLine(parsePlaces), many: true},
	{name: "hash", read: schemeLine(parseText)},
	{name: "inflate", read: schemeLine(parseFlag)},
	{name: "key_id", read: schemeLine(parseText)},
	{name: "keys", read: schemeLine(parseKeys)},
	{name: "require", read: schemeLine(parseRequire), many: true},
	{name: "secret_format", read: schemeLine(parseSecretFormat)},
	{name: "signature", read: schemeLine(parseSignature)},
	{name: "signed", read: schemeLine(parseText)},
	{name: "timestamp", read: schemeLine(parseTimestamp)},
	{name: "token", read: schemeLine(parseToken)},
	{name: "url_hash", read: schemeLine(parseClaimHash)},
	{name: "variants", read: schemeLine(parseList), many: true},
	{name: "secret", read: (*Provider).unmarshalSecret, many: true},
	{name: "probe", read: (*Provider).unmarshalProbe, many: true},
}}

func (p *Provider) unmarshalSecret(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 || slices.Contains(args, "") {
		return d.Err("an empty secret would let everybody in; write `secret {env.NAME}`")
	}
	p.Secrets = append(p.Secrets, args...)
	return nil
}

func (p *Provider) unmarshalProbe(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("with which method does the sender ask? Write `probe HEAD`, or GET or OPTIONS")
	}
	p.Probe = append(p.Probe, args...)
	return nil
}

// schemeLine makes a reader of a line that overrides fields of the scheme. parse reads
// the line as these fields.
func schemeLine(parse func(d *caddyfile.Dispenser, name string) (map[string]any, error)) func(*Provider, *caddyfile.Dispenser) error {
	return func(p *Provider, d *caddyfile.Dispenser) error {
		name := d.Val()
		fields, err := parse(d, name)
		if err != nil {
			return err
		}
		return p.overrideFields(d, name, fields)
	}
}

// overrideFields overrides fields of the scheme and checks that the scheme has them. A
// list extends the one that an earlier line began.
func (p *Provider) overrideFields(d *caddyfile.Dispenser, name string, fields map[string]any) error {
	options := maps.Clone(p.Options)
	if options == nil {
		options = make(map[string]json.RawMessage)
	}
	for key, value := range fields {
		raw, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if before := options[key]; len(before) > 0 && before[0] == '[' && raw[0] == '[' {
			if raw, err = extend(before, raw); err != nil {
				return err
			}
		}
		options[key] = raw
	}
	if _, err := override(p.row.Scheme, p.ofScheme(options)); err != nil {
		if strings.Contains(err.Error(), "unknown field") {
			return d.Errf("%s does not go with provider %s, whose scheme has no such thing", name, p.row.Name)
		}
		return d.Errf("%s does not go with provider %s: %v", name, p.row.Name, err)
	}
	p.Options = options
	return nil
}

// extend adds to a list that an earlier line began.
func extend(before, after json.RawMessage) (json.RawMessage, error) {
	var all, more []json.RawMessage
	if err := errors.Join(json.Unmarshal(before, &all), json.Unmarshal(after, &more)); err != nil {
		return nil, err
	}
	return json.Marshal(append(all, more...))
}

// ofScheme returns the options without the provider's own.
func (p *Provider) ofScheme(options map[string]json.RawMessage) map[string]json.RawMessage {
	fields := maps.Clone(options)
	for _, o := range p.row.Options {
		delete(fields, o.Name)
	}
	return fields
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
	for i := range args {
		args[i] = longhand(args[i])
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
		"groups": oneValue, "keys": manyValues, "repeated": bareWord, "optional_prefix": bareWord, "all": bareWord,
	})
	return map[string]any{name: fields}, err
}

func parseToken(d *caddyfile.Dispenser, _ string) (map[string]any, error) {
	fields := make(map[string]any)
	return fields, parseNames(d, fields, map[string]attribute{"prefix": oneValue, "query": oneValue})
}

func parseSecretFormat(d *caddyfile.Dispenser, _ string) (map[string]any, error) {
	fields := make(map[string]any)
	return map[string]any{"secret": fields}, parseAttributes(d, fields, map[string]attribute{
		"encoding": oneValue, "unprefixed": oneValue, "suffix": oneValue, "prefixes": manyValues,
		"normalise": oneValue, "hash": oneValue, "named": bareWord,
	})
}

// parseRequire reads a condition.
func parseRequire(d *caddyfile.Dispenser, name string) (map[string]any, error) {
	fields := make(map[string]any)
	if !d.NextArg() {
		return nil, d.Errf("%s what? Write `%s <template> is <value>` or the like", name, name)
	}
	fields["of"] = longhand(d.Val())
	err := parseAttributes(d, fields, map[string]attribute{
		"is": manyValues, "like": oneValue, "begins": oneValue, "absent": bareWord, "fold": bareWord,
	})
	return map[string]any{name: []any{fields}}, err
}

// parseKeys reads where keys are fetched from.
func parseKeys(d *caddyfile.Dispenser, name string) (map[string]any, error) {
	fields := make(map[string]any)
	if !d.NextArg() {
		return nil, d.Errf("%s needs the URL of the keys", name)
	}
	fields["url"] = longhand(d.Val())
	err := parseAttributes(d, fields, map[string]attribute{
		"format": oneValue, "path": oneValue, "pin": manyValues, "key_id": oneValue,
	})
	return map[string]any{name: fields}, err
}

// parseClaimHash reads a claim that binds a token to a part of the request.
func parseClaimHash(d *caddyfile.Dispenser, name string) (map[string]any, error) {
	fields := make(map[string]any)
	if !d.NextArg() {
		return nil, d.Errf("%s needs the name of the claim", name)
	}
	fields["claim"] = d.Val()
	err := parseAttributes(d, fields, map[string]attribute{
		"hash": oneValue, "encoding": oneValue, "optional": bareWord,
	})
	return map[string]any{name: fields}, err
}

// longhand restores a template's tokens, which the Caddyfile's shorthands replace.
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
	if o, ok := p.option(name); ok { // not a Caddyfile's words: they may contain anything
		values := []string{value}
		if o.Many || o.Paired {
			values = strings.Fields(value)
		}
		return p.giveOption(o, values)
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
