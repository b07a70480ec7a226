package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// The kinds of records. The kind is the first byte of a key, so each kind is one range
// and can be scanned without the others. doc.go has the layout of each key and value,
// with an example.
const (
	KindFormat   = 'f' // format of the folder
	KindMessage  = 'm' // a message
	KindSummary  = 'e' // summary of a message, in the list of its endpoint
	KindEvent    = 'i' // a message by its event ID
	KindName     = 'n' // name of a destination
	KindNameCopy = 'l' // the name once more: damage of one table leaves the other
	KindWaiting  = 'q' // index: a waiting delivery without an order key, by due time
	KindOrdered  = 'o' // index: a waiting delivery with an order key, by order and receipt
	KindDead     = 'z' // index: a dead letter, by receipt
	KindEnded    = 'h' // index: an ended delivery within its retention, by its end
	KindDelivery = 't' // state of a delivery
	KindAttempt  = 'a' // an attempt before the last one
	KindPaused   = 'p' // a paused destination
	KindGone     = 'g' // a removed message
	KindClock    = 'w' // lead of the due clock over the wall clock
	KindDamaged  = 'b' // a damaged record, under its former key
	KindKey      = 'k' // a dedupe key, in the bucket of its expiry
	KindSecret   = 's' // a learnt secret
	KindCanary   = 'c' // canary of an encryption key
)

// Format is the value of the format record.
const Format = "hookwicket queue 5"

// Digest stands for a destination in the keys.
type Digest [8]byte

func DigestOf(destination string) (id Digest) {
	sum := sha256.Sum256([]byte(destination))
	copy(id[:], sum[:])
	return id
}

// KeyBuffer is the caller's array for a key, which keeps the key off the heap.
type KeyBuffer [1 + 8 + 8 + 16]byte

func MessageKey(b *KeyBuffer, id queue.ID) []byte {
	return append(append(b[:0], KindMessage), id[:]...)
}

// NameKinds are the kinds of records that have the name of a destination.
var NameKinds = [...]byte{KindName, KindNameCopy}

func NameKey(b *KeyBuffer, kind byte, destination Digest) []byte {
	return append(append(b[:0], kind), destination[:]...)
}

// SummaryKey is the key of a message's summary; endpoint is [DigestOf] its name.
func SummaryKey(b *KeyBuffer, endpoint Digest, id queue.ID) []byte {
	return append(append(append(b[:0], KindSummary), endpoint[:]...), id[:]...)
}

// EventDigest digests the first MaxText bytes of an event ID. A summary contains the
// same bytes, so the key can be found from the summary.
func EventDigest(eventID string) (id Digest) {
	sum := sha256.Sum256([]byte(eventID[:min(len(eventID), MaxText)]))
	copy(id[:], sum[:])
	return id
}

func EventKey(b *KeyBuffer, event Digest, id queue.ID) []byte {
	return append(append(append(b[:0], KindEvent), event[:]...), id[:]...)
}

func DeliveryKey(b *KeyBuffer, id queue.ID, destination Digest) []byte {
	return append(append(append(b[:0], KindDelivery), id[:]...), destination[:]...)
}

// AttemptKey is the key of an attempt. Its number continues after a redelivery, while
// the number in the value starts again.
func AttemptKey(b *KeyBuffer, id queue.ID, destination Digest, number int) []byte {
	k := append(append(append(b[:0], KindAttempt), id[:]...), destination[:]...)
	return binary.BigEndian.AppendUint32(k, uint32(number))
}

func PausedKey(b *KeyBuffer, destination Digest) []byte {
	return append(append(b[:0], KindPaused), destination[:]...)
}

func GoneKey(b *KeyBuffer, id queue.ID) []byte {
	return append(append(b[:0], KindGone), id[:]...)
}

// ReceiptDue returns the due time of a delivery without a record of its state: the time in
// its ID. Its key in the index therefore follows from the ID.
func ReceiptDue(id queue.ID) int64 {
	milli := int64(binary.BigEndian.Uint64(id[:8]) >> 16)
	return min(milli, math.MaxInt64/int64(time.Millisecond)-1) * int64(time.Millisecond)
}

// BucketOf returns the end of the bucket that a dedupe key belongs to. A bucket spans at
// most a quarter of the window. So few are searched for a key, and one that is over
// keeps the space of its keys for a quarter of the window at most. The spans are powers
// of two, in seconds, so that endpoints with like windows share their buckets.
func BucketOf(expiry int64, window time.Duration) int64 {
	span := int64(time.Second)
	for span <= int64(window)/8 {
		span *= 2
	}
	if over := expiry % span; over > 0 {
		if expiry > math.MaxInt64-span {
			return math.MaxInt64
		}
		expiry += span - over
	}
	return expiry
}

// BucketKey begins the keys of a bucket.
func BucketKey(b *KeyBuffer, end int64) []byte {
	return binary.BigEndian.AppendUint64(append(b[:0], KindKey), uint64(end))
}

func DedupeKey(b *KeyBuffer, end int64, key queue.Key) []byte {
	return append(BucketKey(b, end), key[:]...)
}

// ErrDamaged: a record is not what its key promises. What does not open is one of these.
var ErrDamaged = seal.ErrDamaged

// SplitDedupe takes the key of a dedupe key apart: the end of its bucket, and the key.
func SplitDedupe(k []byte) (end int64, key queue.Key, err error) {
	if len(k) != 1+8+16 {
		return 0, key, ErrDamaged
	}
	copy(key[:], k[9:])
	if end = int64(binary.BigEndian.Uint64(k[1:])); end < 0 {
		return 0, key, ErrDamaged
	}
	return end, key, nil
}

// ReceivedAt returns the time of receipt, as exact as it is in the ID.
func ReceivedAt(id queue.ID) time.Time {
	sub := int64(binary.BigEndian.Uint16(id[6:])&0xfff) * int64(time.Millisecond) >> 12
	return time.Unix(0, min(ReceiptDue(id), maxNanos-int64(time.Millisecond))+sub).UTC()
}

const maxNanos = 1<<63 - 1

// FirstID is before the ID of every message received at t or later, and behind
// those of the ones before.
func FirstID(t time.Time) queue.ID {
	id := queue.NewID(time.Unix(0, window.Nanos(t)))
	return queue.ID(append(id[:8:8], make([]byte, 8)...))
}

// DamagedKey is where a record with a key is set aside.
func DamagedKey(key []byte) []byte { return append([]byte{KindDamaged}, key...) }

// CanaryKey is the key of an encryption key's canary.
func CanaryKey(name seal.KeyName) []byte { return append([]byte{KindCanary}, name[:]...) }

// SplitCanary takes the key of a canary apart.
func SplitCanary(k []byte) (name seal.KeyName, err error) {
	if len(k) != 1+len(name) {
		return name, ErrDamaged
	}
	return seal.KeyName(k[1:]), nil
}

// Nameless names a destination whose name is lost. Cannot happen, as a name is written
// with the first delivery; should it, the deliveries are kept under a name that
// says so.
func Nameless(id Digest) queue.Destination {
	return queue.Destination{Endpoint: "unknown " + hex.EncodeToString(id[:])}
}
