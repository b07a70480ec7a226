package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// option returns the row's option of this name.
func (p *Provider) option(name string) (verifiers.Option, bool) {
	i := slices.IndexFunc(p.row.Options, func(o verifiers.Option) bool { return o.Name == name })
	if i < 0 {
		return verifiers.Option{}, false
	}
	return p.row.Options[i], true
}

// splitOptions parts what the configuration gives for the provider's own
// options, checked and with placeholders resolved, from the fields of the
// scheme. Several values of one option are separated by spaces.
func (p *Provider) splitOptions(resolve func(string) (string, error), secrets int) (
	given map[string]string, fields map[string]json.RawMessage, err error,
) {
	given, fields = make(map[string]string), make(map[string]json.RawMessage)
	for name, raw := range p.Options {
		if _, ok := p.option(name); !ok {
			fields[name] = raw
		}
	}
	for _, o := range p.row.Options {
		values, err := optionValues(p.Options[o.Name])
		for i := range values {
			if resolve != nil && err == nil {
				if values[i], err = resolve(values[i]); err != nil {
					err = fmt.Errorf("%w; it is %s", err, o.What)
				}
			}
		}
		if err == nil {
			err = checkOption(o, values, secrets)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", o.Name, err)
		}
		if len(values) > 0 {
			given[o.Name] = strings.Join(values, " ")
		}
	}
	return given, fields, nil
}

// optionValues reads an option in JSON: a string, or a list of them.
func optionValues(raw json.RawMessage) (values []string, err error) {
	if raw == nil {
		return nil, nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	if err = json.Unmarshal(raw, &values); err != nil {
		return nil, errors.New("it is neither a text nor a list of texts")
	}
	return values, nil
}

// checkOption checks the given values against the row. Its error never
// shows a value.
func checkOption(o verifiers.Option, values []string, secrets int) error {
	switch n := len(values); {
	case n == 0 && o.Required && (!o.Fetching || secrets == 0):
		return missingOption{o}
	case n == 0:
		return nil
	case o.Paired && n != secrets:
		return fmt.Errorf("one is due for each secret, in their order, but there are %d for %d: it is %s", n, secrets, o.What)
	case !o.Paired && !o.Many && n > 1:
		return fmt.Errorf("there is one value, not %d", n)
	}
	for i, v := range values {
		switch {
		case v == "":
			return fmt.Errorf("value %d of %d is empty; is the variable or file it comes from set?", i+1, len(values))
		case strings.ContainsAny(v, " \t\r\n") && (o.Many || o.Paired || !isPEM(v)): // which parts one value from the next
			return fmt.Errorf("value %d of %d contains white space", i+1, len(values))
		case o.Pattern == "":
			continue
		}
		if re, err := regexp.Compile(`\A(?:` + o.Pattern + `)\z`); err != nil {
			return err
		} else if !re.MatchString(v) {
			return fmt.Errorf("value %d of %d does not look like %s; it is %s", i+1, len(values), exampleOf(o), o.What)
		}
	}
	return nil
}

// missingOption is an error that names the line to add to the Caddyfile.
type missingOption struct{ verifiers.Option }

func (o missingOption) Error() string {
	return fmt.Sprintf("it is missing; add `%s %s`: %s", o.Name, exampleOf(o.Option), o.What)
}

// isPEM reports whether a text is meant to be PEM.
func isPEM(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "-----BEGIN ") }

// exampleOf is a value such as the option takes.
func exampleOf(o verifiers.Option) string {
	if o.Example != "" {
		return o.Example
	}
	return "<" + o.Name + ">"
}

// giveOption keeps values that a line of the configuration gives for one of the
// row's options.
func (p *Provider) giveOption(o verifiers.Option, values []string) error {
	before, err := optionValues(p.Options[o.Name])
	if err != nil {
		return err
	}
	values = append(before, values...)
	var v any = values
	switch {
	case len(values) == 0 || slices.Contains(values, ""):
		return fmt.Errorf("%s needs a value: %s", o.Name, o.What)
	case len(values) > 1 && !o.Many && !o.Paired:
		return fmt.Errorf("%s has one value", o.Name)
	case !o.Many && !o.Paired:
		v = values[0]
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if p.Options == nil {
		p.Options = make(map[string]json.RawMessage)
	}
	p.Options[o.Name] = raw
	return nil
}
