package record

import (
	"encoding/binary"
	"math"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/window"
)

// The index of deliveries has one shape: the part, which follows from the stage, the
// destination, a number that sorts within these, and the message's ID. A delivery is in
// one part only.
//
//	part         number                                  value
//	KindWaiting  the due time                            size
//	KindOrdered  the order key, its 8 bytes as a number  size, due time
//	KindDead     0, so that the receipt sorts            size
//	KindEnded    the time of the end                     size

// Parts are the parts of the index.
var Parts = [...]byte{KindWaiting, KindOrdered, KindDead, KindEnded}

// Entry is the place of a delivery in the index.
type Entry struct {
	Part        byte
	Destination Digest
	When        uint64 // the number
	ID          queue.ID
}

// entrySize is the length of its key.
const entrySize = 1 + 8 + 8 + 16

// Entry returns the place of a delivery in the index.
func (s *Delivery) Entry(destination Digest, id queue.ID) Entry {
	switch s.Stage {
	case StageWaiting:
		return EntryOf(destination, s.Waiting(id))
	case StageDead:
		return Entry{KindDead, destination, 0, id}
	}
	return Entry{KindEnded, destination, uint64(s.Ended), id}
}

// EntryOf returns the place of a waiting delivery in the index.
func EntryOf(destination Digest, p window.Waiting) Entry {
	if p.Order != nil {
		return OrderedEntry(destination, *p.Order, p.ID)
	}
	return WaitingEntry(destination, p.Position)
}

// WaitingEntry is the place of a waiting delivery without an order key.
func WaitingEntry(destination Digest, p window.Position) Entry {
	return Entry{KindWaiting, destination, uint64(p.Due), p.ID}
}

// OrderedEntry is the place of a waiting delivery with an order key.
func OrderedEntry(destination Digest, order window.OrderKey, id queue.ID) Entry {
	return Entry{KindOrdered, destination, binary.BigEndian.Uint64(order[:]), id}
}

func (e Entry) Key(b *KeyBuffer) []byte {
	k := append(append(b[:0], e.Part), e.Destination[:]...)
	return append(binary.BigEndian.AppendUint64(k, e.When), e.ID[:]...)
}

// WrittenOnce reports whether the key is written once before it is deleted. A retry
// writes the key of a delivery with an order key again.
func (e Entry) WrittenOnce() bool { return e.Part != KindOrdered }

// Waiting returns the position of a waiting delivery. The value contains its due time if
// it has an order key; a damaged one becomes 0.
func (e Entry) Waiting(v []byte) window.Waiting {
	if e.Part == KindWaiting {
		return window.Waiting{Position: window.Position{Due: int64(e.When), ID: e.ID}}
	}
	r := fields{rest: v}
	r.number()
	order := window.OrderKey(binary.BigEndian.AppendUint64(nil, e.When))
	return window.Waiting{Position: window.Position{Due: r.number(), ID: e.ID}, Order: &order}
}

// SplitEntry takes the key of an index entry apart.
func SplitEntry(k []byte) (e Entry, err error) {
	if len(k) != entrySize {
		return e, ErrDamaged
	}
	e = Entry{Part: k[0], Destination: Digest(k[1:]), When: binary.BigEndian.Uint64(k[9:]), ID: queue.ID(k[17:])}
	if e.When > math.MaxInt64 && (e.Part == KindWaiting || e.Part == KindEnded) {
		return e, ErrDamaged // not a time
	}
	return e, nil
}

// AppendEntry appends the value of the delivery's entry in the index.
func (s *Delivery) AppendEntry(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.Size))
	if s.Stage == StageWaiting && s.Order != nil {
		b = binary.AppendUvarint(b, uint64(s.Due))
	}
	return b
}

// DecodeSize reads the size in the value of an entry. A damaged size is 0, since the
// delivery is there all the same.
func DecodeSize(v []byte) int64 {
	r := fields{rest: v}
	return r.number()
}

// IsPart reports whether a kind is a part of the index.
func IsPart(kind byte) bool {
	switch kind {
	case KindWaiting, KindOrdered, KindDead, KindEnded:
		return true
	}
	return false
}

// RestSize is the length of a key behind its kind and its first digest.
func RestSize(kind byte) int {
	if IsPart(kind) {
		return entrySize - 9
	}
	return 16
}

// Kept reports whether a stage is one of the ended deliveries in the index.
func (st Stage) Kept() bool {
	return st == StageDelivered || st == StageCancelled || st == StageUnrouted
}
