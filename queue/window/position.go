package window

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// Position sorts the waiting deliveries of one destination.
type Position struct {
	Due int64 // nanoseconds since 1970, never negative
	ID  queue.ID
}

// The ends of that order: no delivery lies before First or at Last.
var (
	First = Position{}
	Last  = Position{Due: math.MaxInt64, ID: queue.ID(bytes.Repeat([]byte{0xff}, 16))}
)

// Nanos returns t in nanoseconds since 1970, as the stores keep times. A time that it cannot
// express becomes the nearest one that it can.
func Nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64 - 1
	}
	return t.UnixNano()
}

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool { return p.Compare(q) < 0 }

// Compare orders positions by the due time, then by the ID.
func (p Position) Compare(q Position) int {
	switch {
	case p.Due < q.Due:
		return -1
	case p.Due > q.Due:
		return 1
	}
	return bytes.Compare(p.ID[:], q.ID[:])
}

// Waiting is a waiting delivery: its place in the index of its destination.
type Waiting struct {
	Position
	Order *OrderKey // nil: the delivery has no order key
}

// OrderKey stands for the order key of a delivery: a digest of the rule that made
// the key, and one of the key.
type OrderKey [8]byte

// OrderRule is the part of an [OrderKey] that stands for the rule.
type OrderRule [3]byte

// Rule is the part that stands for the rule.
func (o OrderKey) Rule() OrderRule { return OrderRule(o[:]) }

// OrderKeyOf returns the digest of an order key that is used in keys. Two order keys with
// one digest are treated as one, which only costs time.
func OrderKeyOf(rule, key string) (o OrderKey) {
	byRule, byKey := sha256.Sum256([]byte(rule)), sha256.Sum256([]byte(key))
	n := copy(o[:], byRule[:len(OrderRule{})])
	copy(o[n:], byKey[:])
	return o
}

// receivedMilli is when a message was received, in milliseconds.
func receivedMilli(id queue.ID) int64 { return int64(binary.BigEndian.Uint64(id[:8]) >> 16) }

func before(a, b queue.ID) bool { return bytes.Compare(a[:], b[:]) < 0 }
