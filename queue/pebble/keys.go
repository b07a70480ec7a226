package pebble

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// The kinds of records. The kind is the first byte of a key, so each kind is one range
// and can be scanned without the others. doc.go has the layout of each key and value,
// with an example.
const (
	kindFormat   = 'f' // format of the folder
	kindMessage  = 'm' // a message
	kindList     = 'e' // summary of a message, in the list of its endpoint
	kindEvent    = 'i' // a message by its event ID
	kindName     = 'n' // name of a destination
	kindWaiting  = 'q' // a waiting delivery without an order key, by due time
	kindLine     = 'o' // a waiting delivery with an order key, by order and receipt
	kindStanding = 't' // standing of a delivery
	kindDead     = 'z' // a dead letter
	kindEnded    = 'h' // an ended delivery within its retention, by its end
	kindAttempt  = 'a' // an attempt
	kindPaused   = 'p' // a paused destination
	kindGone     = 'g' // a removed message
	kindSteady   = 'w' // lead of the due clock over the wall clock
	kindDamaged  = 'b' // a damaged record, under its former key
	kindKey      = 'k' // a dedupe key
	kindExpiry   = 'x' // the same key by expiry
	kindSecret   = 's' // a learnt secret
	kindCanary   = 'c' // canary of an encryption key
)

// format is the value of the format record.
const format = "hookwicket queue 2"

// laneID stands for a destination in the keys.
type laneID [8]byte

func laneOf(destination string) (id laneID) {
	sum := sha256.Sum256([]byte(destination))
	copy(id[:], sum[:])
	return id
}

// position is a place in the order of one lane's waiting deliveries.
type position struct {
	due int64 // nanoseconds since 1970, never negative
	id  queue.ID
}

// The ends of that order: no delivery lies before start or at end.
var (
	start = position{}
	end   = position{due: math.MaxInt64, id: queue.ID(bytes.Repeat([]byte{0xff}, 16))}
)

func (p position) before(q position) bool { return p.compare(q) < 0 }

func (p position) compare(q position) int {
	switch {
	case p.due < q.due:
		return -1
	case p.due > q.due:
		return 1
	}
	return bytes.Compare(p.id[:], q.id[:])
}

// nanos returns t in the form of a key. A time that a key cannot express becomes the
// nearest one that it can.
func nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64 - 1
	}
	return t.UnixNano()
}

// keyBuffer is the caller's array for a key, which keeps the key off the heap.
type keyBuffer [1 + 8 + 8 + 16]byte

func messageKey(b *keyBuffer, id queue.ID) []byte {
	return append(append(b[:0], kindMessage), id[:]...)
}

func nameKey(b *keyBuffer, lane laneID) []byte {
	return append(append(b[:0], kindName), lane[:]...)
}

func waitingKey(b *keyBuffer, lane laneID, p position) []byte {
	k := append(append(b[:0], kindWaiting), lane[:]...)
	k = binary.BigEndian.AppendUint64(k, uint64(p.due))
	return append(k, p.id[:]...)
}

// lineKey is the key of a delivery that waits in line.
func lineKey(b *keyBuffer, lane laneID, order orderID, id queue.ID) []byte {
	return append(append(append(append(b[:0], kindLine), lane[:]...), order[:]...), id[:]...)
}

// key is the key of a waiting delivery.
func (p place) key(b *keyBuffer, lane laneID) []byte {
	if p.order != nil {
		return lineKey(b, lane, *p.order, p.id)
	}
	return waitingKey(b, lane, p.position)
}

// size takes the size out of the value beside that key.
func (p place) size(v []byte) int64 {
	if p.order == nil {
		return decodeSize(v)
	}
	_, size := decodeLine(v)
	return size
}

// listKey is the key of a message's summary; endpoint is [laneOf] its name.
func listKey(b *keyBuffer, endpoint laneID, id queue.ID) []byte {
	return append(append(append(b[:0], kindList), endpoint[:]...), id[:]...)
}

// eventID8 stands for an event ID in the keys.
type eventID8 [8]byte

// eventOf digests the first maxSummaryText bytes of an event ID. A summary contains the
// same bytes, so the key can be found from the summary.
func eventOf(eventID string) (id eventID8) {
	sum := sha256.Sum256([]byte(eventID[:min(len(eventID), maxSummaryText)]))
	copy(id[:], sum[:])
	return id
}

func eventKey(b *keyBuffer, event eventID8, id queue.ID) []byte {
	return append(append(append(b[:0], kindEvent), event[:]...), id[:]...)
}

func standingKey(b *keyBuffer, id queue.ID, lane laneID) []byte {
	return append(append(append(b[:0], kindStanding), id[:]...), lane[:]...)
}

func endedKey(b *keyBuffer, lane laneID, ended int64, id queue.ID) []byte {
	k := append(append(b[:0], kindEnded), lane[:]...)
	k = binary.BigEndian.AppendUint64(k, uint64(ended))
	return append(k, id[:]...)
}

// attemptKey is the key of an attempt. Its number continues after a redelivery, while
// the number in the value starts again.
func attemptKey(b *keyBuffer, id queue.ID, lane laneID, number int) []byte {
	k := append(append(append(b[:0], kindAttempt), id[:]...), lane[:]...)
	return binary.BigEndian.AppendUint32(k, uint32(number))
}

func goneKey(b *keyBuffer, id queue.ID) []byte {
	return append(append(b[:0], kindGone), id[:]...)
}

// receiptDue returns the due time of a delivery without a standing record: the time in
// its ID. Its key in the index therefore follows from the ID.
func receiptDue(id queue.ID) int64 {
	milli := int64(binary.BigEndian.Uint64(id[:8]) >> 16)
	return min(milli, math.MaxInt64/int64(time.Millisecond)-1) * int64(time.Millisecond)
}

func deadKey(b *keyBuffer, lane laneID, id queue.ID) []byte {
	return append(append(append(b[:0], kindDead), lane[:]...), id[:]...)
}

func dedupeKey(b *keyBuffer, key queue.Key) []byte {
	return append(append(b[:0], kindKey), key[:]...)
}

func expiryKey(b *keyBuffer, expiry int64, key queue.Key) []byte {
	k := binary.BigEndian.AppendUint64(append(b[:0], kindExpiry), uint64(expiry))
	return append(k, key[:]...)
}

var errDamaged = errors.New("damaged index record")

// splitWaiting takes a waiting key apart.
func splitWaiting(k []byte) (lane laneID, p position, err error) {
	if len(k) != 1+8+8+16 {
		return lane, p, errDamaged
	}
	copy(lane[:], k[1:])
	p.due = int64(binary.BigEndian.Uint64(k[9:]))
	copy(p.id[:], k[17:])
	if p.due < 0 {
		return lane, p, errDamaged
	}
	return lane, p, nil
}

// splitLine takes the key and the value of a delivery that waits in line apart.
func splitLine(k, v []byte) (lane laneID, p place, size int64, err error) {
	if len(k) != 1+8+8+16 {
		return lane, p, 0, errDamaged
	}
	copy(lane[:], k[1:])
	p.order = (*orderID)(append([]byte(nil), k[9:17]...))
	copy(p.id[:], k[17:])
	p.due, size = decodeLine(v)
	return lane, p, size, nil
}

// splitDead takes a dead letter's key apart.
func splitDead(k []byte) (lane laneID, id queue.ID, err error) {
	if len(k) != 1+8+16 {
		return lane, id, errDamaged
	}
	copy(lane[:], k[1:])
	copy(id[:], k[9:])
	return lane, id, nil
}

// splitEnded takes the key of an ended delivery apart.
func splitEnded(k []byte) (lane laneID, ended int64, id queue.ID, err error) {
	if len(k) != 1+8+8+16 {
		return lane, 0, id, errDamaged
	}
	copy(lane[:], k[1:])
	copy(id[:], k[17:])
	ended = int64(binary.BigEndian.Uint64(k[9:]))
	if ended < 0 {
		return lane, 0, id, errDamaged
	}
	return lane, ended, id, nil
}

// splitExpiry takes an expiry key apart.
func splitExpiry(k []byte) (expiry int64, key queue.Key, err error) {
	if len(k) != 1+8+16 {
		return 0, key, errDamaged
	}
	copy(key[:], k[9:])
	return int64(binary.BigEndian.Uint64(k[1:])), key, nil
}
