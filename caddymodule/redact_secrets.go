package caddymodule

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A secret is found by decoding the text, not by listing the ways to encode the secret.
// The text is decoded maxDecoded times. Each result is a view of the text, and so is the
// text itself. Every view is searched for every needle. A match is traced back to its
// bytes in the text. The time is linear in the size of the text for each needle.

// maxDecoded is how many layers of escapes hide no secret, such as a URL in JSON.
const maxDecoded = 3

const (
	// shortestEncoded is the least length of an encoded piece of a secret that is hidden.
	// A shorter one would be found by chance in other texts.
	shortestEncoded = 8

	// shortestPassword is the least length of the password of user:pass that is hidden
	// without its user.
	shortestPassword = 8

	// shortestUnprefixed is the least length of a secret that is hidden without its
	// prefix, such as whsec_.
	shortestUnprefixed = 12

	// longestPrefix is how long a prefix can be, such as sk_live_.
	longestPrefix = 12
)

// hideSecret adds a text that is hidden anywhere, in all spellings in which a program may
// quote it.
func (r *redactor) hideSecret(secret string) {
	secret = strings.TrimSpace(secret)
	if secret == "" {
		return
	}
	for _, part := range secretParts(secret) {
		r.secrets = append(r.secrets, needlesOf(part)...)
	}
}

// secretParts returns a secret, the password of user:pass and the secret without its
// prefix.
func secretParts(secret string) []string {
	parts := []string{secret}
	if _, password, ok := strings.Cut(secret, ":"); ok && len(password) >= shortestPassword {
		parts = append(parts, password)
	}
	rest, cut := secret, 0
	for {
		i := strings.IndexByte(rest, '_')
		if i <= 0 || cut+i+1 > longestPrefix || strings.Trim(rest[:i], "abcdefghijklmnopqrstuvwxyz") != "" {
			break
		}
		cut += i + 1
		if rest = rest[i+1:]; len(rest) < shortestUnprefixed {
			break
		}
		parts = append(parts, rest)
	}
	return parts
}

// needlesOf returns the texts for which the views are searched: the secret as it is, as
// each decoding would leave it, in hex, and in base64.
func needlesOf(secret string) []string {
	all := []string{secret}
	decoded := secret
	for range maxDecoded {
		decoded = string(decode(nil, []byte(decoded)))
		all = append(all, decoded)
	}
	if coded := hex.EncodeToString([]byte(secret)); len(coded) >= shortestEncoded {
		all = append(all, coded, strings.ToUpper(coded))
	}
	// The base64 of a secret depends on the number of bytes before it, such as the user
	// name in Basic. Its first and last letters depend on the neighbours too, so they
	// are left out.
	for before := range 3 {
		from := (before*8 + 5) / 6
		to := (before + len(secret)) * 8 / 6
		if to-from < shortestEncoded {
			continue
		}
		coded := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), secret...))[from:to]
		inURL := base64.RawURLEncoding.EncodeToString(append(make([]byte, before), secret...))[from:to]
		all = append(all, coded, string(decode(nil, []byte(coded))), inURL)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(needle string) bool { return strings.TrimSpace(needle) == "" })
}

// text hides the secrets in any text.
func (r *redactor) text(s string) string {
	found := r.secretsIn([]byte(s))
	if len(found) == 0 {
		return s
	}
	return string(without([]byte(s), found))
}

// bytes hides the secrets in a body. It returns b itself if there are none.
func (r *redactor) bytes(b []byte) []byte {
	found := r.secretsIn(b)
	if len(found) == 0 {
		return b
	}
	return without(b, found)
}

// without returns b with redacted in place of each of the stretches, which are sorted.
func without(b []byte, found []stretch) []byte {
	var out []byte
	last := 0
	for _, s := range found {
		out = append(append(out, b[last:s.start]...), redacted...)
		last = s.end
	}
	return append(out, b[last:]...)
}

// secretsIn returns where secrets stand in b, sorted. None overlaps another.
func (r *redactor) secretsIn(b []byte) (found []stretch) {
	if len(r.secrets) == 0 {
		return nil
	}
	views := viewsOf(b)
	for level, view := range views {
		var here []stretch
		for _, needle := range r.secrets {
			for at := 0; ; {
				i := bytes.Index(view[at:], []byte(needle))
				if i < 0 {
					break
				}
				here = append(here, stretch{start: at + i, end: at + i + len(needle)})
				at += i + len(needle)
			}
		}
		here = merged(here)
		for ; level > 0; level-- {
			trace(views[level-1], here)
		}
		found = append(found, here...)
	}
	return merged(found)
}

// merged sorts stretches, and makes one of those that overlap.
func merged(all []stretch) []stretch {
	slices.SortFunc(all, func(a, b stretch) int { return a.start - b.start })
	out := all[:0]
	for _, s := range all {
		if n := len(out) - 1; n >= 0 && s.start < out[n].end {
			out[n].end = max(out[n].end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}

// viewsOf returns a text and what its decodings leave, as far as each changes anything.
func viewsOf(b []byte) [][]byte {
	views := [][]byte{b}
	for range maxDecoded {
		last := views[len(views)-1]
		if !bytes.ContainsAny(last, "%\\&+") {
			break
		}
		next := decode(make([]byte, 0, len(last)), last)
		if bytes.Equal(next, last) {
			break
		}
		views = append(views, next)
	}
	return views
}

// decode appends b without its escapes to to.
func decode(to, b []byte) []byte {
	for i := 0; i < len(b); {
		var unit [utf8.UTFMax]byte
		n, took := decodeUnit(b[i:], &unit)
		to = append(to, unit[:n]...)
		i += took
	}
	return to
}

// trace replaces stretches of the decoded b by those of b. They are sorted and do not
// overlap.
func trace(b []byte, of []stretch) {
	i, at := 0, 0 // in b, and in the decoded b
	for s := range of {
		var unit [utf8.UTFMax]byte
		for i < len(b) {
			n, took := decodeUnit(b[i:], &unit)
			if at+n > of[s].start {
				break
			}
			i, at = i+took, at+n
		}
		start, end := i, of[s].end
		for i < len(b) && at < end {
			n, took := decodeUnit(b[i:], &unit)
			i, at = i+took, at+n
		}
		of[s].start, of[s].end = start, i
	}
}

// decodeUnit decodes the byte or the escape with which b begins. It writes n bytes, and
// took is the length in b, which is never less. Escapes are those of URLs (a plus sign is
// a space), of strings in JSON and in programs, and of HTML. A plus sign is always
// decoded to a space, however it is written: some programs escape it, others do not.
func decodeUnit(b []byte, to *[utf8.UTFMax]byte) (n, took int) {
	switch b[0] {
	case '%':
		if c, ok := hexByte(b[1:]); ok {
			return oneByte(to, c), 3
		}
	case '\\':
		if n, took := decodeBackslash(b, to); took > 0 {
			return n, took
		}
	case '&':
		if n, took := decodeEntity(b, to); took > 0 {
			return n, took
		}
	}
	return oneByte(to, b[0]), 1
}

// oneByte writes one byte.
func oneByte(to *[utf8.UTFMax]byte, c byte) int {
	if c == '+' {
		c = ' '
	}
	to[0] = c
	return 1
}

// hexByte reads two digits.
func hexByte(b []byte) (byte, bool) {
	if len(b) < 2 {
		return 0, false
	}
	var c [1]byte
	_, err := hex.Decode(c[:], b[:2])
	return c[0], err == nil
}

// runeOf writes a character. One of a single byte is written as [oneByte] does.
func runeOf(to *[utf8.UTFMax]byte, c rune) int {
	if c < utf8.RuneSelf {
		return oneByte(to, byte(c))
	}
	return utf8.EncodeRune(to[:], c)
}

// decodeBackslash decodes \u0041, \x41, \n and \/. It took nothing if b is none of these.
func decodeBackslash(b []byte, to *[utf8.UTFMax]byte) (n, took int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch c := b[1]; c {
	case 'u':
		first, ok := utf16Unit(b)
		if !ok {
			return 0, 0
		}
		if utf16.IsSurrogate(first) && len(b) > 6 {
			if second, ok := utf16Unit(b[6:]); ok {
				if c := utf16.DecodeRune(first, second); c != utf8.RuneError {
					return runeOf(to, c), 12
				}
			}
		}
		return runeOf(to, first), 6
	case 'x':
		if c, ok := hexByte(b[2:]); ok {
			return oneByte(to, c), 4
		}
	case 'n', 'r', 't', 'b', 'f':
		return oneByte(to, "\n\r\t\b\f"[strings.IndexByte("nrtbf", c)]), 2
	default:
		if c >= ' ' && c < utf8.RuneSelf && (c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z') {
			return oneByte(to, c), 2
		}
	}
	return 0, 0
}

// utf16Unit reads \u0041.
func utf16Unit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	high, ok := hexByte(b[2:])
	low, ok2 := hexByte(b[4:])
	return rune(high)<<8 | rune(low), ok && ok2
}

// longestEntity is the most bytes of an entity that is decoded.
const longestEntity = 12

// entities are the names that programs write for characters that mean something in HTML.
var entities = map[string]byte{
	"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\'', "sol": '/', "plus": '+', "equals": '=', "colon": ':', "lowbar": '_',
}

// decodeEntity decodes &amp;, &#47; and &#x2F;. It took nothing if b is none of these.
func decodeEntity(b []byte, to *[utf8.UTFMax]byte) (n, took int) {
	end := bytes.IndexByte(b[:min(len(b), longestEntity)], ';')
	if end < 2 {
		return 0, 0
	}
	name := string(b[1:end])
	if c, ok := entities[name]; ok {
		return oneByte(to, c), end + 1
	}
	if name[0] != '#' {
		return 0, 0
	}
	digits, base := name[1:], 10
	if rest, ok := strings.CutPrefix(strings.ToLower(digits), "x"); ok {
		digits, base = rest, 16
	}
	c, err := strconv.ParseUint(digits, base, 21)
	if err != nil || !utf8.ValidRune(rune(c)) {
		return 0, 0
	}
	return runeOf(to, rune(c)), end + 1
}

// longestEscape is how much longer than a secret its escapes can be, in all layers.
const longestEscape = 32

// trimEnd cuts off the beginning of a secret at the end of a body that is not whole.
func (r *redactor) trimEnd(b []byte) []byte {
	longest := 0
	for _, needle := range r.secrets {
		longest = max(longest, len(needle))
	}
	from := max(0, len(b)-longest*longestEscape)
	tail := b[from:]
	if i := bytes.LastIndexAny(tail, "%\\&"); i >= 0 && len(tail)-i < longestEntity && longest > 0 {
		tail = tail[:i] // an escape may be cut as well
	}
	end := len(tail)
	views := viewsOf(tail)
	for level, view := range views {
		at := len(view)
		for _, needle := range r.secrets {
			for n := min(len(needle)-1, len(view)); n > len(view)-at; n-- {
				if bytes.HasSuffix(view, []byte(needle[:n])) {
					at = len(view) - n
					break
				}
			}
		}
		here := []stretch{{start: at, end: len(view)}}
		if at == len(view) {
			continue
		}
		for ; level > 0; level-- {
			trace(views[level-1], here)
		}
		end = min(end, here[0].start)
	}
	return b[:from+end]
}
