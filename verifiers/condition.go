package verifiers

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// Condition is a requirement on a part of a request. With nothing but Of it holds if
// that part is present.
type Condition struct {
	Of   string   `json:"of"`             // a template
	Is   []string `json:"is,omitempty"`   // any of these; "{option:NAME}" is any value of that option
	Like string   `json:"like,omitempty"` // a regular expression that all of it has to match

	// Begins is the text that it has to begin with, after white space. On a whole body
	// this is cheap, where an expression would read all of it.
	Begins string `json:"begins,omitempty"`

	// Absent makes it hold where nothing is there.
	Absent bool `json:"absent,omitempty"`
	// Fold ignores the case of letters.
	Fold bool `json:"fold,omitempty"`
}

// maxCompared limits the bytes of a text that is compared with values or an expression.
// No condition accepts a longer one, and matching it would take as long as a stranger
// likes.
const maxCompared = 64 << 10

// condition is a compiled [Condition]: of Facts.Require and Facts.Addressee, and
// of a handshake's When and Guard.
type condition struct {
	of     *Template
	is     [][sha256.Size]byte // digests, so that a secret option's value is compared in constant time
	like   *regexp.Regexp
	begins string
	absent bool
	fold   bool

	// ungiven: the condition compares with options that the endpoint does not give.
	// Without them an addressee is skipped, and a token never matches.
	ungiven bool
}

// compile joins a condition with an endpoint's options.
func (c Condition) compile(options map[string]string) (*condition, error) {
	of, err := factTemplate(c.Of, "")
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	compiled := &condition{of: of, begins: c.Begins, absent: c.Absent, fold: c.Fold}
	ways := 0
	for _, given := range []bool{len(c.Is) > 0, c.Like != "", c.Begins != ""} {
		if given {
			ways++
		}
	}
	switch {
	case c.Absent && ways > 0:
		return nil, fmt.Errorf("condition on %s: an absent part cannot be compared", of)
	case ways > 1:
		return nil, fmt.Errorf("condition on %s: values, an expression and a beginning exclude each other", of)
	case c.Fold && c.Begins != "":
		return nil, fmt.Errorf("condition on %s: a beginning is compared as it is", of)
	}
	values := 0
	for _, is := range c.Is {
		all := []string{is}
		if name, ok := optionName(is); ok {
			all = strings.Fields(options[name])
		}
		for _, value := range all {
			compiled.is = append(compiled.is, compiled.digest(value))
		}
		values += len(all)
	}
	compiled.ungiven = len(c.Is) > 0 && values == 0
	if c.Like != "" {
		flags := ""
		if c.Fold {
			flags = "(?i)"
		}
		if _, err = regexp.Compile(c.Like); err == nil { // by itself, for the sake of the error
			compiled.like, err = regexp.Compile(flags + `\A(?:` + c.Like + `)\z`)
		}
		if err != nil {
			return nil, fmt.Errorf("condition on %s: %w", of, err)
		}
	}
	return compiled, nil
}

// compileConditions compiles several, all of which will have to hold.
func compileConditions(all []Condition, options map[string]string) ([]*condition, error) {
	var compiled []*condition
	for _, c := range all {
		one, err := c.compile(options)
		if err != nil {
			return nil, err
		}
		compiled = append(compiled, one)
	}
	return compiled, nil
}

// optionName returns NAME of a text that is "{option:NAME}" and nothing else.
func optionName(text string) (string, bool) {
	name, ok := strings.CutPrefix(text, "{option:")
	if !ok || !strings.HasSuffix(name, "}") {
		return "", false
	}
	return name[:len(name)-1], true
}

// holds reports whether the request meets the condition. A condition on options that
// are not given is not met; see ungiven.
func (c *condition) holds(in *reading) bool {
	in.repeated = false
	text, ok := c.of.in(in)
	if c.absent {
		return !ok && !in.repeated
	}
	return ok && c.accepts(text)
}

// accepts reports whether a text meets the condition.
func (c *condition) accepts(text string) bool {
	switch {
	case len(c.is) > 0 && len(text) > maxCompared:
		return false
	case len(c.is) > 0:
		sum, equal := c.digest(text), 0
		for i := range c.is {
			equal |= subtle.ConstantTimeCompare(sum[:], c.is[i][:])
		}
		return equal == 1
	case c.ungiven:
		return false
	case c.like != nil:
		return len(text) <= maxCompared && c.like.MatchString(text)
	case c.begins != "":
		return strings.HasPrefix(text[skipSpace(bytesOf(text), 0):], c.begins)
	}
	return true
}

func (c *condition) digest(text string) [sha256.Size]byte {
	if c.fold {
		text = strings.ToLower(text)
	}
	return sha256.Sum256(bytesOf(text))
}

// allHold reports whether a request meets all of the conditions.
func allHold(conditions []*condition, in *reading) bool {
	return !slices.ContainsFunc(conditions, func(c *condition) bool { return !c.holds(in) })
}

// Unaddressed returns the options that would name the endpoint as the addressee and are
// not given. Without them it accepts events that were meant for others.
func (f Facts) Unaddressed() (names []string) {
	for _, c := range f.Addressee {
		for _, is := range c.Is {
			if name, ok := optionName(is); ok && f.Options[name] == "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// holdsFor is holds, except that a claim that is a list meets the condition if one of
// its items does.
func (c *condition) holdsFor(in *reading) bool {
	if len(c.of.parts) == 1 && c.of.parts[0].name == "claim" && !c.absent {
		if found := gjson.Get(in.claims, c.of.parts[0].arg); found.IsArray() {
			accepted := false
			found.ForEach(func(_, item gjson.Result) bool {
				accepted = item.Type == gjson.String && c.accepts(item.Str)
				return !accepted
			})
			return accepted
		}
	}
	return c.holds(in)
}

// wanted returns the claim that a condition looks at, and a value that meets it: the
// event ID if any value does.
func (c Condition) wanted(options map[string]string, id string) (path, value string, ok bool) {
	of, err := ParseTemplate(c.Of)
	if err != nil || c.Absent || c.Like != "" {
		return "", "", false
	}
	if path, ok = of.claim(); !ok || len(c.Is) == 0 {
		return path, id, ok
	}
	value = c.Is[0]
	if name, isOption := optionName(value); isOption {
		values := strings.Fields(options[name])
		if len(values) == 0 {
			return "", "", false
		}
		value = values[0]
	}
	return path, value, true
}
