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

// The key space. Every record's kind is its first byte, so that each kind is a
// range of its own and can be scanned without meeting the others.
//
//	f                        the format of this folder
//	m id                     a message
//	e endpoint id            a message in the list of its endpoint: its summary
//	i event id               a message by its event ID: nothing
//	n lane                   a destination's name
//	q lane due id            a delivery that waits, in the order in which they fall due: its size
//	o lane order id          a delivery that waits in line, behind others of its order: due, size
//	t id lane                where a delivery stands, if it was touched since its receipt
//	z lane id                a dead letter: its size
//	h lane ended id          a delivery that has ended and is kept: its size
//	a id lane number         an attempt
//	p lane                   a destination that a person has paused: since when
//	g id                     a message that has gone: when, and why
//	w                        how far the clock of what is due is ahead, if it ever was
//	b key                    a damaged record, behind the key that it had
//	k key                    a dedupe key: when it expires
//	x expiry key             the same by time, for the sweep
//	s endpoint secret        a secret that was learnt in a handshake; both as digests
//	c key                    a word sealed with a key, by the key's short name
//
// lane and endpoint are the start of the SHA-256 of the name; order and event
// are that of the order key and of the event ID, of which the part counts that a
// summary keeps. Times are nanoseconds since 1970, big-endian, so that they sort;
// so is the number of an attempt, in four bytes.
const (
	kindFormat   = 'f'
	kindMessage  = 'm'
	kindList     = 'e'
	kindEvent    = 'i'
	kindName     = 'n'
	kindWaiting  = 'q'
	kindLine     = 'o'
	kindStanding = 't'
	kindDead     = 'z'
	kindEnded    = 'h'
	kindAttempt  = 'a'
	kindPaused   = 'p'
	kindGone     = 'g'
	kindSteady   = 'w'
	kindDamaged  = 'b'
	kindKey      = 'k'
	kindExpiry   = 'x'
	kindSecret   = 's'
	kindCanary   = 'c'
)

// format is what the format record of this version holds.
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

// nanos is t as it stands in a key. Times that a key cannot express become the
// nearest that it can.
func nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64 - 1
	}
	return t.UnixNano()
}

// The keys are appended to a caller's array, which keeps them off the heap.
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

// eventOf digests as much of an event ID as a summary keeps of it, so that the
// summary is enough to find the key.
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

// attemptKey is the key of an attempt. Its number counts on when a person
// redelivers, unlike that of the attempt in the value.
func attemptKey(b *keyBuffer, id queue.ID, lane laneID, number int) []byte {
	k := append(append(append(b[:0], kindAttempt), id[:]...), lane[:]...)
	return binary.BigEndian.AppendUint32(k, uint32(number))
}

func goneKey(b *keyBuffer, id queue.ID) []byte {
	return append(append(b[:0], kindGone), id[:]...)
}

// receiptDue is when a delivery is due that nobody has touched since its receipt:
// its ID tells, so that its key in the index can be found without a record that
// says where it is.
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
