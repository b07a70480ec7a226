package verifiers

import (
	"encoding/binary"
	"math/bits"
)

// maxDepth limits the nesting of JSON. Deeper documents count as malformed. Many
// parsers stop there too (PHP's at 512, Python's near 1,000), and in a parser that
// recurses a body of brackets would overflow the stack of the process.
const maxDepth = 1024

// invalid is the index that the functions of this file return for text that is not JSON.
// It is beyond every text, so the checks for the end of the text find it too.
const invalid = ^uint(0)

// jsonReader is a JSON text while it is read, and the places of the special bytes in one
// block of it.
//
// Looking for the end of each string by itself would be slow: each search could only
// start when the one before has ended. The special bytes of a whole block are found
// independently of each other, and a string then ends at the next bit.
type jsonReader struct {
	b    []byte
	base uint   // where the block begins
	mask uint64 // a bit for each byte of the block that cannot stand for itself in a string
}

// blockSize is the size of a block: a bit of the mask for each byte.
const blockSize = 64

// newJSONReader begins with an empty block that ends before the text.
func newJSONReader(text string) jsonReader {
	return jsonReader{b: bytesOf(text), base: ^uint(blockSize - 1)}
}

// value returns the index after the JSON value (RFC 8259) at i, or invalid. depth is the
// number of brackets around the value. It does not allocate, and it does not recurse.
func (r *jsonReader) value(i, depth uint) uint {
	if i >= uint(len(r.b)) {
		return invalid
	}
	switch c := r.b[i]; {
	case c == '"':
		return r.stringEnd(i + 1)
	case c == '{' || c == '[':
		return r.nested(i, depth)
	}
	return skipScalar(r.b, i)
}

// nested is value for an object or an array. It has a loop for members and one for items,
// and jumps between them where a bracket opens or closes.
func (r *jsonReader) nested(i, depth uint) uint {
	var objects [maxDepth / 64]uint64 // a bit for each open bracket: is it a brace?
	b, n, outside := r.b, uint(len(r.b)), depth
	base, mask := r.base, r.mask
open: // b[i] is the bracket
	if depth >= maxDepth {
		return invalid
	}
	if b[i] == '[' {
		objects[depth/64%uint(len(objects))] &^= 1 << (depth % 64)
		depth++
		if i = skipSpace(b, i+1); i < n && b[i] == ']' {
			goto closed
		}
		goto item
	}
	objects[depth/64%uint(len(objects))] |= 1 << (depth % 64)
	depth++
	if i = skipSpace(b, i+1); i < n && b[i] == '}' {
		goto closed
	}
member:
	if i >= n || b[i] != '"' {
		return invalid
	}
	i++
	if end := nextSpecial(base, mask, i); end < n && b[end] == '"' {
		i = end + 1
	} else {
		i = r.stringEnd(i)
		base, mask = r.base, r.mask
	}
	if i >= n {
		return invalid
	}
	if b[i] != ':' {
		if i = skipSpace(b, i); i >= n || b[i] != ':' {
			return invalid
		}
	}
	if i++; i < n && b[i] == ' ' {
		i++ // as most indented documents have it
	}
	if i >= n {
		return invalid
	}
	if b[i] <= ' ' {
		if i = skipSpace(b, i); i >= n {
			return invalid
		}
	}
	if c := b[i]; c == '"' {
		i++
		if end := nextSpecial(base, mask, i); end < n && b[end] == '"' {
			i = end + 1
		} else {
			i = r.stringEnd(i)
			base, mask = r.base, r.mask
		}
	} else if c == '{' || c == '[' {
		goto open
	} else {
		i = skipScalar(b, i)
	}
afterMember:
	if i >= n {
		return invalid
	}
	if b[i] <= ' ' {
		if i = skipSpace(b, i); i >= n {
			return invalid
		}
	}
	if b[i] != ',' {
		if b[i] == '}' {
			goto closed
		}
		return invalid
	}
	if i++; i < n && b[i] <= ' ' {
		i = skipSpace(b, i)
	}
	goto member
item:
	if i >= n {
		return invalid
	}
	if c := b[i]; c == '{' || c == '[' {
		goto open
	} else if c == '"' {
		i++
		if end := nextSpecial(base, mask, i); end < n && b[end] == '"' {
			i = end + 1
		} else {
			i = r.stringEnd(i)
			base, mask = r.base, r.mask
		}
	} else {
		i = skipScalar(b, i)
	}
afterItem:
	if i >= n {
		return invalid
	}
	if b[i] <= ' ' {
		if i = skipSpace(b, i); i >= n {
			return invalid
		}
	}
	if b[i] != ',' {
		if b[i] == ']' {
			goto closed
		}
		return invalid
	}
	if i++; i < n && b[i] <= ' ' {
		i = skipSpace(b, i)
	}
	goto item
closed: // b[i] is the closing bracket
	i++
	if depth--; depth == outside {
		return i
	}
	if objects[(depth-1)/64%uint(len(objects))]>>((depth-1)%64)&1 != 0 {
		goto afterMember
	}
	goto afterItem
}

// nextSpecial returns the index of the next special byte if it is in the block, else
// invalid.
func nextSpecial(base uint, mask uint64, i uint) uint {
	if m := mask >> ((i - base) % blockSize); i-base < blockSize && m != 0 {
		return i + uint(bits.TrailingZeros64(m))
	}
	return invalid
}

// stringEnd returns the index after the closing quote of a string whose opening quote is
// before i, or invalid. It checks the escapes.
func (r *jsonReader) stringEnd(i uint) uint {
	b, n := r.b, uint(len(r.b))
	for i < n {
		at := nextSpecial(r.base, r.mask, i)
		if at >= n {
			if i-r.base < blockSize { // the rest of the block is plain
				i = r.base + blockSize
			}
			if i >= n {
				break
			}
			if r.base, r.mask = i, specials(b[i:]); r.mask == 0 {
				i = skipPlain(b, i)
				continue
			}
			at = nextSpecial(r.base, r.mask, i)
		}
		if b[at] == '"' {
			return at + 1
		}
		if b[at] != '\\' {
			break
		}
		i = skipEscape(b, at+1)
	}
	return invalid
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// notPlain sets the highest bit of the first of eight bytes that cannot stand for
// itself in a string: a quote, a backslash, a control character. Bits in later bytes
// have no meaning.
//
// A quote is 0x22. With its second bit flipped it is 0x20, and control characters stay
// below 0x20, so one subtraction of 0x21 finds both.
func notPlain(w uint64) uint64 {
	return (((w ^ ones*2) - ones*0x21) | ((w ^ ones*'\\') - ones)) &^ w & highs
}

// skipPlain passes over bytes that stand for themselves in a string, 32 at a time.
func skipPlain(b []byte, i uint) uint {
	for i < uint(len(b)) && uint(len(b))-i >= 32 {
		w := b[i : i+32]
		if notPlain(binary.LittleEndian.Uint64(w))|notPlain(binary.LittleEndian.Uint64(w[8:]))|
			notPlain(binary.LittleEndian.Uint64(w[16:]))|notPlain(binary.LittleEndian.Uint64(w[24:])) != 0 {
			break
		}
		i += 32
	}
	return i
}

// specials sets a bit for each of the first 64 bytes that is special, as notPlain defines
// it.
func specials(b []byte) uint64 {
	if len(b) < blockSize {
		last := spaces
		copy(last[:], b)
		b = last[:]
	}
	b = b[:blockSize]
	return special(b[:8]) | special(b[8:16])<<8 | special(b[16:24])<<16 | special(b[24:32])<<24 |
		special(b[32:40])<<32 | special(b[40:48])<<40 | special(b[48:56])<<48 | special(b[56:64])<<56
}

// special is specials for eight bytes.
func special(b []byte) uint64 {
	w := binary.LittleEndian.Uint64(b)
	// With its highest bit set, no byte borrows from the next one.
	plain := ((w^ones*2|highs)-ones*0x21)&((w^ones*'\\'|highs)-ones) | w
	// The product moves the highest bits of the eight bytes into one byte.
	return (^plain & highs) >> 7 * 0x0102040810204080 >> 56
}

var spaces = [blockSize]byte([]byte("                                                                "))

// skipSpace returns the index after white space. After the end of a line it looks at eight
// spaces at a time, since indented documents have many there.
func skipSpace(b []byte, i uint) uint {
	for i < uint(len(b)) && b[i] <= ' ' {
		switch b[i] {
		case ' ', '\r', '\t':
			i++
		case '\n':
			for i++; uint(len(b))-i >= 8; i += 8 {
				if others := binary.LittleEndian.Uint64(b[i:]) ^ ones*' '; others != 0 {
					i += uint(bits.TrailingZeros64(others) / 8)
					break
				}
			}
		default:
			return i
		}
	}
	return i
}

// skipEscape returns the index after the escape whose backslash is before i, or invalid.
func skipEscape(b []byte, i uint) uint {
	if i >= uint(len(b)) {
		return invalid
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if uint(len(b))-i < 5 {
			return invalid
		}
		for _, c := range b[i+1 : i+5] {
			if !isHex(c) {
				return invalid
			}
		}
		return i + 5
	}
	return invalid
}

// skipScalar returns the index after a number, true, false or null, or invalid.
func skipScalar(b []byte, i uint) uint {
	n := uint(len(b))
	switch c := b[i]; {
	case '1' <= c && c <= '9':
		for i++; i < n && b[i]-'0' <= 9; {
			i++
		}
		if i < n && (b[i] == '.' || b[i]|0x20 == 'e') {
			return skipFraction(b, i)
		}
		return i
	case c == 't':
		if n-i >= 4 && string(b[i:i+4]) == "true" {
			return i + 4
		}
	case c == 'n':
		if n-i >= 4 && string(b[i:i+4]) == "null" {
			return i + 4
		}
	case c == 'f':
		if n-i >= 5 && string(b[i:i+5]) == "false" {
			return i + 5
		}
	case c == '0':
		return skipFraction(b, i+1)
	case c == '-':
		if i++; i < n && b[i]-'0' <= 9 {
			return skipScalar(b, i)
		}
	}
	return invalid
}

// skipFraction returns the index after the fraction and the exponent of a number, or invalid.
func skipFraction(b []byte, i uint) uint {
	n := uint(len(b))
	if i < n && b[i] == '.' {
		i = skipDigits(b, i+1)
	}
	if i < n && b[i]|0x20 == 'e' {
		i++
		if i < n && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return skipDigits(b, i)
	}
	return i
}

// skipDigits returns the index after one or more digits, or invalid.
func skipDigits(b []byte, i uint) uint {
	start := i
	for i < uint(len(b)) && b[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return invalid
	}
	return i
}
