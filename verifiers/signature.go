package verifiers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Signature describes where a signature stands and how it is written.
type Signature struct {
	// From is header (the default), query, form or json.
	From string `json:"from,omitempty"`

	// Names are the header's names, or the query's, the form's, or JSON paths.
	// The first that is present counts.
	Names []string `json:"names,omitempty"`

	// All makes every name count that is present: any of their signatures may
	// match.
	All bool `json:"all,omitempty"`

	// Groups parts a value into several, each of which is a whole signature with
	// a list of its own; any may match. Empty: there is one.
	Groups string `json:"groups,omitempty"`

	// Prefix stands before the signature, such as "sha256=", or before the whole
	// of a list. A signature without it is malformed. "{hash}" in it stands for
	// the hash that the sender chose.
	Prefix string `json:"prefix,omitempty"`

	// OptionalPrefix accepts a signature without the prefix as well.
	OptionalPrefix bool `json:"optional_prefix,omitempty"`

	// Separator parts the items of a list, such as "," or " ". Space around
	// items is ignored, and so are empty items. Empty: the value is one item.
	Separator string `json:"separator,omitempty"`

	// Assign parts an item's key from its value at its first occurrence, such as
	// "=". Empty with a separator: items are known by position, "0" first.
	Assign string `json:"assign,omitempty"`

	// Keys are the items that hold signatures, such as "v1"; "*" is all of them.
	// Others are left to the template as {param:KEY}. Any of several signatures
	// may match.
	Keys []string `json:"keys,omitempty"`

	// Encoding is hex (the default), base64, base64url or base64_hex (the base64 of the
	// hex). Hex is accepted in upper and lower case; hex_upper is hex that Sign writes
	// in upper case. Base64 is accepted with and without padding.
	Encoding string `json:"encoding,omitempty"`

	// Repeated allows the header to occur more than once; any may match.
	// Otherwise a repeated header is malformed.
	Repeated bool `json:"repeated,omitempty"`

	// Layout is how the provider writes the value, for [HMAC.Sign]: a text with
	// {timestamp}, {id} and {signature}, such as "t={timestamp}, v1={signature}".
	// Default: prefix, then the time and the ID where they are items of the
	// list, then the first of Keys, joined by Separator.
	Layout string `json:"layout,omitempty"`
}

// Limits on the parts of an unauthenticated request that are parsed.
const (
	maxSignatureValue = 16 << 10 // bytes of one header, field or string
	maxSignatures     = 128      // candidates in one request
	maxKeySignatures  = 8        // the same where each takes a public key's time
	maxItems          = 256      // items of a list
	maxGroups         = 8        // for each of which all keys are tried
)

// signature is a compiled [Signature].
type signature struct {
	Signature
	encoding encoding
	hashed   bool   // Prefix contains {hash}
	before   string // Prefix up to {hash}
	after    string // and from there on
	hashes   []string
	most     int // candidates
}

// candidates are the signatures found in a request, decoded.
type candidates struct {
	list   []candidate
	bytes  []byte // the decoded signatures
	bad    int    // entries that could not be decoded
	items  int    // of the list that is being parsed
	groups []group
}

// group is a part of candidates.list, and of the items beside them.
type group struct{ first, last, firstParam, lastParam int }

// candidate is a part of candidates.bytes, and the index of the hash that the sender
// names.
type candidate struct{ start, end, hash int }

func (c *candidates) reset() {
	*c = candidates{list: c.list[:0], bytes: c.bytes[:0], groups: c.groups[:0]}
}

// compile checks where signatures stand. hashes are those the sender may choose.
func (s Signature) compile(hashes []string) (*signature, error) {
	c := &signature{Signature: s, hashes: hashes, most: maxSignatures}
	c.Names = slices.Clone(s.Names)
	if len(s.Names) == 0 {
		return nil, fmt.Errorf("signature: no name is given; say which header (or query parameter, form field, JSON path) holds it")
	}
	for i, name := range s.Names {
		var err error
		switch s.From {
		case "", "header":
			c.From = "header"
			c.Names[i], err = headerName(name)
		case "query", "form":
			_, err = anyName(name)
		case "json":
			_, err = jsonPath(name)
		default:
			err = fmt.Errorf("unknown place %q: want header, query, form or json", s.From)
		}
		if err != nil {
			return nil, fmt.Errorf("signature: %w", err)
		}
	}
	var err error
	if c.encoding, err = encodingOf(s.Encoding); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	return c, c.compileFormat()
}

// compileFormat checks the format of the value.
func (s *signature) compileFormat() error {
	s.before, s.after, s.hashed = strings.Cut(s.Prefix, "{hash}")
	switch {
	case len(s.hashes) > 1 && !s.hashed:
		return fmt.Errorf("signature: several hashes are allowed but the prefix does not tell which one was used; put {hash} into it, such as {hash}=, or allow one hash")
	case s.hashed && s.OptionalPrefix:
		return fmt.Errorf("signature: a prefix with {hash} cannot be optional")
	case s.OptionalPrefix && s.Prefix == "":
		return fmt.Errorf("signature: there is no prefix that could be optional")
	case s.Repeated && s.From != "header":
		return fmt.Errorf("signature: only a header can be repeated")
	case s.Assign != "" && len(s.Keys) == 0:
		return fmt.Errorf("signature: a list of keys and values needs the keys that hold signatures, such as v1")
	case !s.list() && len(s.Keys) > 0:
		return fmt.Errorf("signature: keys are given but neither a separator nor an assign makes it a list")
	}
	if s.Assign == "" {
		for _, key := range s.Keys {
			if key == "*" {
				continue
			}
			if n, err := strconv.ParseUint(key, 10, 8); err != nil || strconv.FormatUint(n, 10) != key {
				return fmt.Errorf("signature: without an assign, keys are positions such as 0 or 1, not %q", key)
			}
		}
	}
	return nil
}

// outside reports whether signatures are found without the body.
func (s *signature) outside() bool { return outsideBody(s.From) }

// list reports whether the value has items.
func (s *signature) list() bool { return s.Separator != "" || s.Assign != "" }

// find collects the request's signatures, and its list's other items.
func (s *signature) find(in *reading, found *candidates) error {
	found.reset()
	in.repeated = false
	first := ""
	for _, name := range s.Names {
		if first != "" && !s.All {
			break
		}
		values := in.r.Header[name]
		if s.From != "header" {
			value, ok := s.elsewhere(in, name)
			if !ok && !in.repeated {
				continue
			}
			values = []string{value}
		}
		in.repeated = in.repeated || len(values) > 1 && !s.Repeated
		if in.repeated {
			return refuse(MalformedSignature, "the %s %s is there more than once", s.From, name)
		}
		if !slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
			continue
		}
		for _, value := range values {
			if err := s.parse(value, in, found); err != nil {
				return err
			}
		}
		if first == "" {
			first = name
		}
	}
	if first == "" {
		return refuse(MissingSignature, "no %s %s", s.From, strings.Join(s.Names, " or "))
	}
	return s.verdict(first, found)
}

// present reports whether a header of the signature is there.
func (s *signature) present(r *Request) bool {
	return slices.ContainsFunc(s.Names, func(name string) bool { return r.Header.Get(name) != "" })
}

func (s *signature) elsewhere(in *reading, name string) (string, bool) {
	switch s.From {
	case "query":
		return in.query(name)
	case "form":
		return in.formField(name)
	}
	return in.json(name)
}

// addPaths adds the places of the signature in a JSON document.
func (s *signature) addPaths(paths *jsonPaths) {
	if s.From == "json" {
		for _, name := range s.Names {
			paths.addPath(name)
		}
	}
}

// verdict returns the error of a request without a signature that could be decoded.
func (s *signature) verdict(name string, found *candidates) error {
	switch {
	case len(found.list) > 0:
		return nil
	case found.bad > 0:
		return refuse(MalformedSignature, "the %s %s is not %s", s.From, name, s.encoding)
	}
	return refuse(MissingSignature, "the list in the %s %s has no %s", s.From, name, strings.Join(s.Keys, " or "))
}

// parse parses one value.
func (s *signature) parse(value string, in *reading, found *candidates) error {
	if len(value) > maxSignatureValue {
		return refuse(MalformedSignature, "longer than %d bytes", maxSignatureValue)
	}
	if s.Groups == "" {
		return s.parseOne(value, in, found)
	}
	for part := range strings.SplitSeq(value, s.Groups) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if len(found.groups) >= maxGroups {
			return refuse(MalformedSignature, "more than %d groups of signatures", maxGroups)
		}
		g := group{first: len(found.list), firstParam: len(in.params)}
		if err := s.parseOne(part, in, found); err != nil {
			return err
		}
		if g.last, g.lastParam = len(found.list), len(in.params); g.last > g.first {
			found.groups = append(found.groups, g)
		}
	}
	return nil
}

// parseOne parses a value without groups, or one group.
func (s *signature) parseOne(value string, in *reading, found *candidates) error {
	value, hash, ok := s.cutPrefix(value)
	if !ok {
		return refuse(MalformedSignature, "it does not start with %s", s.Prefix)
	}
	if !s.list() {
		return s.add(value, hash, found)
	}
	found.items = 0
	for rest, more := value, true; more; {
		item := rest
		if s.Separator == "" {
			more = false
		} else {
			item, rest, more = strings.Cut(rest, s.Separator)
		}
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		if err := s.item(item, hash, in, found); err != nil {
			return err
		}
		found.items++
	}
	return nil
}

// item parses one item of a list: a signature, a parameter, or one to ignore.
func (s *signature) item(item string, hash int, in *reading, found *candidates) error {
	if found.items >= maxItems || len(in.params) >= maxItems {
		return refuse(MalformedSignature, "a list of more than %d items", maxItems)
	}
	key, value := "", item
	if s.Assign == "" {
		key = strconv.Itoa(found.items)
	} else {
		var ok bool
		if key, value, ok = strings.Cut(item, s.Assign); !ok {
			return nil
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	}
	if len(s.Keys) == 0 || slices.Contains(s.Keys, key) || s.Keys[0] == "*" {
		return s.add(value, hash, found)
	}
	in.params = append(in.params, param{key, value})
	return nil
}

// cutPrefix removes the prefix and returns the index of the hash it names.
func (s *signature) cutPrefix(value string) (rest string, hash int, ok bool) {
	rest, ok = strings.CutPrefix(value, s.before)
	if !s.hashed {
		return rest, 0, ok || s.OptionalPrefix
	}
	for i, name := range s.hashes {
		if after, found := strings.CutPrefix(rest, name+s.after); found && ok {
			return after, i, true
		}
	}
	return "", 0, false
}

// add decodes a signature. It counts one that cannot be decoded and skips it: beside a
// good one it does no harm.
func (s *signature) add(value string, hash int, found *candidates) error {
	if len(found.list)+found.bad >= s.most {
		return refuse(MalformedSignature, "more than %d signatures", s.most)
	}
	start := len(found.bytes)
	bytes, ok := s.encoding.decode(found.bytes, value)
	if !ok || len(bytes) == start {
		found.bad++
		return nil
	}
	found.bytes = bytes
	found.list = append(found.list, candidate{start, len(bytes), hash})
	return nil
}
