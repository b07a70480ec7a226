package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// codecVersion is the first byte of every encoded message. A reader that meets
// another one refuses the record instead of guessing.
const codecVersion = 1

// ErrDamaged is wrapped by the error of [DecodeMessage] for bytes that [AppendMessage]
// has not written.
var ErrDamaged = errors.New("damaged message record")

const (
	flagTLS = 1 << iota
	flagTrustedProxy
	flagTimestamp
	flagSigned
	flagsKnown = 1<<iota - 1
)

// AppendMessage appends the binary form of m to dst:
//
//	version, length of the head, head (everything but the body), body
//
// Numbers are varints and strings carry their length. The body comes last and
// bare so that a reader can use it in place.
func AppendMessage(dst []byte, m *Message) []byte {
	dst = append(dst, codecVersion)
	// The length of the head has a fixed size, so the head need not be measured first
	// or moved afterwards.
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = append(dst, m.ID[:]...)
	var flags byte
	if m.TLS {
		flags |= flagTLS
	}
	if m.TrustedProxy {
		flags |= flagTrustedProxy
	}
	if !m.Timestamp.IsZero() {
		flags |= flagTimestamp
	}
	if m.Signed != "" {
		flags |= flagSigned
	}
	dst = append(dst, flags)
	dst = appendTime(dst, m.ReceivedAt)
	if !m.Timestamp.IsZero() {
		dst = appendTime(dst, m.Timestamp)
	}
	for _, s := range m.texts() {
		dst = appendString(dst, *s)
	}
	if m.Signed != "" {
		dst = appendString(dst, m.Signed)
	}
	values := 0
	for _, v := range m.Header {
		values += len(v)
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.Header)))
	dst = binary.AppendUvarint(dst, uint64(values))
	for name, v := range m.Header {
		dst = appendString(dst, name)
		dst = binary.AppendUvarint(dst, uint64(len(v)))
		for _, s := range v {
			dst = appendString(dst, s)
		}
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return append(dst, m.Body...)
}

// EncodedSize returns a size that the binary form of m does not exceed, so that
// one allocation is enough for it.
func EncodedSize(m *Message) int {
	n := 1 + 4 + len(m.ID) + 1 + 4*binary.MaxVarintLen64 + 3*binary.MaxVarintLen32 + len(m.Signed) + len(m.Body)
	for _, s := range m.texts() {
		n += binary.MaxVarintLen32 + len(*s)
	}
	for name, v := range m.Header {
		n += 2*binary.MaxVarintLen32 + len(name)
		for _, s := range v {
			n += binary.MaxVarintLen32 + len(s)
		}
	}
	return n
}

// texts are the fields that are plain strings, in the order of the encoding.
func (m *Message) texts() [10]*string {
	return [...]*string{
		&m.Endpoint, &m.Provider, &m.EventID, &m.EventType, &m.Method,
		&m.URI, &m.Host, &m.Proto, &m.RemoteAddr, &m.ClientIP,
	}
}

// DecodeMessage reads the binary form of [AppendMessage]. The body of the message is a
// part of b, which therefore belongs to the message from now on. Bytes that are
// anything else give an error that wraps [ErrDamaged]; no count found in them
// is trusted with memory that the bytes themselves do not justify.
func DecodeMessage(b []byte) (*Message, error) {
	if len(b) < 5 || b[0] != codecVersion {
		return nil, fmt.Errorf("%w: unknown version", ErrDamaged)
	}
	length := uint64(binary.BigEndian.Uint32(b[1:]))
	if length > uint64(len(b)-5) {
		return nil, fmt.Errorf("%w: short head", ErrDamaged)
	}
	// One copy of the head serves all its strings.
	r := reader{rest: string(b[5 : 5+length])}
	m := &Message{Body: b[5+length : len(b) : len(b)]}
	copy(m.ID[:], r.take(len(m.ID)))
	flags := byte(0)
	if s := r.take(1); len(s) == 1 {
		flags = s[0]
	}
	if flags&^flagsKnown != 0 {
		r.fail("unknown flags")
	}
	m.TLS, m.TrustedProxy = flags&flagTLS != 0, flags&flagTrustedProxy != 0
	m.ReceivedAt = r.time()
	if flags&flagTimestamp != 0 {
		m.Timestamp = r.time()
	}
	for _, s := range m.texts() {
		*s = r.text()
	}
	if flags&flagSigned != 0 {
		if m.Signed = r.text(); m.Signed == "" {
			r.fail("a flag without its text")
		}
	}
	m.Header = r.header()
	if r.err == nil && r.rest != "" {
		r.fail("bytes after the head")
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// appendTime keeps seconds and nanoseconds apart: a sender may give a time that
// does not fit into 64 bits of nanoseconds.
func appendTime(dst []byte, t time.Time) []byte {
	dst = binary.AppendVarint(dst, t.Unix())
	return binary.AppendUvarint(dst, uint64(t.Nanosecond()))
}

// reader takes a head apart. Its first error sticks and empties it, so that
// callers check once, at the end.
type reader struct {
	rest string
	err  error
}

func (r *reader) fail(reason string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrDamaged, reason)
	}
	r.rest = ""
}

func (r *reader) take(n int) string {
	if n > len(r.rest) {
		r.fail("short field")
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) number() uint64 {
	var x uint64
	for i := range len(r.rest) {
		c := r.rest[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		x |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				break // a longer form of a shorter number: not ours
			}
			r.rest = r.rest[i+1:]
			return x
		}
	}
	r.fail("bad number")
	return 0
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.fail("short text")
		return ""
	}
	return r.take(int(n))
}

func (r *reader) time() time.Time {
	x := r.number()
	sec := int64(x >> 1)
	if x&1 != 0 {
		sec = ^sec
	}
	nano := r.number()
	if nano >= uint64(time.Second) {
		r.fail("bad time")
	}
	if r.err != nil {
		return time.Time{}
	}
	return time.Unix(sec, int64(nano)).UTC()
}

func (r *reader) header() http.Header {
	names, values := r.number(), r.number()
	// Each name and each value takes a byte at least.
	if names > uint64(len(r.rest)) || values > uint64(len(r.rest)) {
		r.fail("more headers than bytes")
		return nil
	}
	if names == 0 {
		if values != 0 {
			r.fail("values without a name")
		}
		return nil
	}
	all := make([]string, 0, values)
	h := make(http.Header, names)
	for range names {
		name := r.text()
		n := r.number()
		if n > values-uint64(len(all)) {
			r.fail("too many values")
		}
		if r.err != nil {
			return nil
		}
		if _, twice := h[name]; twice {
			r.fail("a header twice")
			return nil
		}
		start := len(all)
		for range n {
			all = append(all, r.text())
		}
		h[name] = all[start:len(all):len(all)]
	}
	if uint64(len(all)) != values {
		r.fail("too few values")
	}
	return h
}
