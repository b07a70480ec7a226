package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// The values beside the keys; see keys.go. Numbers are varints, strings carry
// their length, and times are nanoseconds since 1970, of which 0 is none.

// MaxText bounds the bytes of an event's ID and type in a summary.
const MaxText = 256

// Summary is the value of a message in the list of its endpoint. It contains the fields
// that lists show, so that they need not read messages, and the destinations.
type Summary struct {
	Size         int64 // of the message's record
	Endpoint     string
	EventID      string
	EventType    string
	Destinations []Digest // of its deliveries; the endpoint's own where it matched no route
}

func (s *Summary) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.Size))
	b = appendText(b, s.Endpoint, MaxText)
	b = appendText(b, s.EventID, MaxText)
	b = appendText(b, s.EventType, MaxText)
	for _, l := range s.Destinations {
		b = append(b, l[:]...)
	}
	return b
}

func DecodeSummary(b []byte) (s Summary, err error) {
	r := fields{rest: b}
	s.Size = r.number()
	s.Endpoint, s.EventID, s.EventType = r.text(), r.text(), r.text()
	if len(r.rest)%len(Digest{}) != 0 {
		r.bad = true
	}
	for len(r.rest) > 0 && !r.bad {
		s.Destinations = append(s.Destinations, Digest(r.rest[:8]))
		r.rest = r.rest[8:]
	}
	return s, r.err()
}

// Stage is the state of a delivery on disk.
type Stage byte

const (
	StageWaiting Stage = iota
	StageDelivered
	StageDead
	StageCancelled
	StageUnrouted
	StageGone // a removed delivery, until the last one of its message is removed
	StageEnd
)

func (s Stage) State() queue.State {
	return [...]queue.State{queue.StateWaiting, queue.StateDelivered, queue.StateDead, queue.StateCancelled, queue.StateUnrouted, ""}[s]
}

// Delivery is the state of a delivery. A delivery without a record of it waits, was not
// attempted, has no order key, and is due at ReceiptDue.
type Delivery struct {
	Stage       Stage
	Size        int64
	Due         int64 // of a waiting one
	Ended       int64 // of one that does not wait: its place in the index of the ended
	Redelivered int64
	Attempts    int              // counted since then
	Written     int              // number of the last attempt, over all redeliveries; 0: there is none
	Last        *queue.Attempt   // the last attempt; the ones before have records of their own
	Closed      string           // the last attempt as it is stored, where its key is missing
	Order       *window.OrderKey // of a waiting delivery with an order key
}

// Brief returns the last attempt without its excerpt, as lists show it.
func (s *Delivery) Brief() *queue.Attempt {
	if s.Last == nil || s.Last.Excerpt == "" {
		return s.Last
	}
	last := *s.Last
	last.Excerpt = ""
	return &last
}

// AppendLast appends the last attempt; nothing if there is none.
func (s *Delivery) AppendLast(b []byte, box seal.Box) []byte {
	if s.Last == nil {
		return append(b, s.Closed...)
	}
	return AppendAttempt(b, s.Last, box)
}

// Waiting returns the position in the index of a waiting delivery.
func (s *Delivery) Waiting(id queue.ID) window.Waiting {
	return window.Waiting{Position: window.Position{Due: s.Due, ID: id}, Order: s.Order}
}

func (s *Delivery) Append(b []byte, box seal.Box) []byte {
	b = append(b, byte(s.Stage))
	for _, n := range [...]int64{s.Size, s.Due, s.Ended, s.Redelivered, int64(s.Attempts), int64(s.Written)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	if s.Order == nil {
		b = append(b, 0)
	} else {
		b = append(append(b, 1), s.Order[:]...)
	}
	return s.AppendLast(b, box)
}

func DecodeDelivery(b []byte, box seal.Box) (s Delivery, err error) {
	r := fields{rest: b}
	s.Stage = Stage(r.byte())
	s.Size, s.Due, s.Ended, s.Redelivered = r.number(), r.number(), r.number(), r.number()
	s.Attempts, s.Written = int(r.number()), int(r.number())
	if r.byte() == 1 {
		if len(r.rest) < 8 {
			return s, ErrDamaged
		}
		order := window.OrderKey(r.rest)
		s.Order = &order
		r.rest = r.rest[8:]
	}
	if err := r.err(); err != nil || s.Stage >= StageEnd {
		return s, ErrDamaged
	}
	if len(r.rest) > 0 {
		if s.Last, err = DecodeAttempt(r.rest, box); errors.Is(err, seal.ErrNoKey) {
			s.Closed = string(r.rest)
		}
	}
	return s, err
}

// MaxAttempts is how many attempts of a delivery are kept, the last ones.
const MaxAttempts = 100

// Oldest is the number of the first attempt that is kept.
func (s *Delivery) Oldest() int { return max(1, s.Written-MaxAttempts+1) }

// Reason is the reason of a removal, on disk.
type Reason byte

const (
	GoneDelivered Reason = iota
	GoneAged
	GoneCrowded
	GonePurged
	goneEnd
)

func (r Reason) String() string {
	return [...]string{"delivered", "aged", "crowded", "purged"}[r]
}

func AppendGone(b []byte, at int64, why Reason) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(at)), byte(why))
}

// DecodeGone reads the record of a removed message.
func DecodeGone(id queue.ID, b []byte) (*queue.GoneError, error) {
	if len(b) != 9 || Reason(b[8]) >= goneEnd || b[0]&0x80 != 0 {
		return nil, ErrDamaged
	}
	return &queue.GoneError{ID: id, At: Time(int64(binary.BigEndian.Uint64(b))), Why: Reason(b[8]).String()}, nil
}

// AppendAttempt appends an attempt, which ends the value. Its texts can quote the
// upstream's answer, so they are sealed like messages.
func AppendAttempt(b []byte, a *queue.Attempt, box seal.Box) []byte {
	for _, n := range [...]int64{int64(a.Number), window.Nanos(a.At), max(0, int64(a.Duration)), int64(a.Status)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = appendText(b, string(a.Failure), 32)
	var t [128]byte
	texts := appendText(t[:0], a.Error, queue.MaxError)
	texts = appendText(texts, a.Excerpt, queue.MaxExcerpt)
	return box.Close(b, texts)
}

func DecodeAttempt(b []byte, box seal.Box) (*queue.Attempt, error) {
	r := fields{rest: b}
	a := &queue.Attempt{Number: int(r.number()), At: Time(r.number()), Duration: time.Duration(r.number()), Status: int(r.number())}
	a.Failure = queue.Failure(r.text())
	if err := r.err(); err != nil {
		return nil, err
	}
	texts, err := box.Open(r.rest)
	if err != nil {
		return nil, err
	}
	r = fields{rest: texts}
	a.Error, a.Excerpt = r.text(), r.text()
	return a, r.err()
}

// DecodeExpiry reads the value of a dedupe key.
func DecodeExpiry(v []byte) (int64, error) {
	if len(v) != 8 || v[0]&0x80 != 0 {
		return 0, ErrDamaged
	}
	return int64(binary.BigEndian.Uint64(v)), nil
}

// Time is the time that nanos wrote.
func Time(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

func appendText(b []byte, s string, limit int) []byte {
	s = s[:min(len(s), limit)]
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// fields takes a value apart. After its first error it reads zeros.
type fields struct {
	rest []byte
	bad  bool
}

func (r *fields) err() error {
	if r.bad {
		return ErrDamaged
	}
	return nil
}

func (r *fields) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *fields) number() int64 {
	x, n := binary.Uvarint(r.rest)
	if n <= 0 || x > math.MaxInt64 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return int64(x)
}

func (r *fields) text() string {
	n := r.number()
	if n > int64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

func UnknownFormat(held []byte) error {
	return fmt.Errorf("%w: it holds %q, but this version reads %q only: start the version that wrote it, or name another folder", ErrFormat, held, Format)
}

var ErrFormat = errors.New("the folder is of another format")
