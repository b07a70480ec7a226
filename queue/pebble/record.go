package pebble

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// The values beside the keys; see keys.go. Numbers are varints, strings carry
// their length, and times are nanoseconds since 1970, of which 0 is none.

// maxSummaryText bounds the bytes of an event's ID and type in a summary.
const maxSummaryText = 256

// summary is the value of a message in the list of its endpoint. It contains the fields
// that lists show, so that they need not read messages, and the destinations.
type summary struct {
	size      int64 // of the message's record
	endpoint  string
	eventID   string
	eventType string
	lanes     []laneID // of its deliveries; the endpoint's own where it matched no route
}

func (s *summary) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.size))
	b = appendText(b, s.endpoint, maxSummaryText)
	b = appendText(b, s.eventID, maxSummaryText)
	b = appendText(b, s.eventType, maxSummaryText)
	for _, l := range s.lanes {
		b = append(b, l[:]...)
	}
	return b
}

func decodeSummary(b []byte) (s summary, err error) {
	r := fields{rest: b}
	s.size = r.number()
	s.endpoint, s.eventID, s.eventType = r.text(), r.text(), r.text()
	if len(r.rest)%len(laneID{}) != 0 {
		r.bad = true
	}
	for len(r.rest) > 0 && !r.bad {
		s.lanes = append(s.lanes, laneID(r.rest[:8]))
		r.rest = r.rest[8:]
	}
	return s, r.err()
}

// stage is the state of a delivery on disk.
type stage byte

const (
	stageWaiting stage = iota
	stageDelivered
	stageDead
	stageCancelled
	stageUnrouted
	stageGone // a removed delivery, until the last one of its message is removed
	stageEnd
)

func (s stage) state() queue.State {
	return [...]queue.State{queue.StateWaiting, queue.StateDelivered, queue.StateDead, queue.StateCancelled, queue.StateUnrouted, ""}[s]
}

// standing is the state of a delivery. A delivery without a record of it waits, was not
// attempted, has no order key, and is due at receiptDue.
type standing struct {
	stage       stage
	size        int64
	due         int64 // of a waiting one
	ended       int64 // of one that does not wait: its place in the index of the ended
	redelivered int64
	attempts    int            // counted since then
	written     int            // number of the last attempt's record; 0: there is none
	last        *queue.Attempt // without its excerpt
	order       *orderID       // of a delivery that waits in line
}

// place returns the position in the index of a waiting delivery.
func (s *standing) place(id queue.ID) place { return place{position{s.due, id}, s.order} }

// appendLine appends the value of a delivery that waits in line.
func appendLine(b []byte, due, size int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(due)), uint64(size))
}

// decodeLine reads it. A damaged number becomes 0.
func decodeLine(b []byte) (due, size int64) {
	r := fields{rest: b}
	return r.number(), r.number()
}

// orderID stands for the order key of a delivery: a digest of the rule that made
// the key, and one of the key.
type orderID [8]byte

// rule is the part that stands for the rule.
func (o orderID) rule() ruleID { return ruleID(o[:]) }

type ruleID [3]byte

func (s *standing) append(b []byte, seal box) []byte {
	b = append(b, byte(s.stage))
	for _, n := range [...]int64{s.size, s.due, s.ended, s.redelivered, int64(s.attempts), int64(s.written)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	if s.order == nil {
		b = append(b, 0)
	} else {
		b = append(append(b, 1), s.order[:]...)
	}
	if s.last != nil {
		last := *s.last
		last.Excerpt = ""
		b = appendAttempt(b, &last, seal)
	}
	return b
}

func decodeStanding(b []byte, seal box) (s standing, err error) {
	r := fields{rest: b}
	s.stage = stage(r.byte())
	s.size, s.due, s.ended, s.redelivered = r.number(), r.number(), r.number(), r.number()
	s.attempts, s.written = int(r.number()), int(r.number())
	if r.byte() == 1 {
		if len(r.rest) < 8 {
			return s, errDamaged
		}
		order := orderID(r.rest)
		s.order = &order
		r.rest = r.rest[8:]
	}
	if err := r.err(); err != nil || s.stage >= stageEnd {
		return s, errDamaged
	}
	if len(r.rest) > 0 {
		s.last, err = decodeAttempt(r.rest, seal)
	}
	return s, err
}

// historyMax is how many attempts of a delivery are kept, the last ones.
const historyMax = 100

// oldest is the number of the first record of an attempt that is kept.
func (s *standing) oldest() int { return max(1, s.written-historyMax+1) }

// reason is the reason of a removal, on disk.
type reason byte

const (
	goneDelivered reason = iota
	goneAged
	goneCrowded
	gonePurged
	goneEnd
)

func (r reason) String() string {
	return [...]string{"delivered", "aged", "crowded", "purged"}[r]
}

func appendGone(b []byte, at int64, why reason) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(at)), byte(why))
}

// decodeGone reads the record of a removed message.
func decodeGone(id queue.ID, b []byte) (*queue.GoneError, error) {
	if len(b) != 9 || reason(b[8]) >= goneEnd || b[0]&0x80 != 0 {
		return nil, errDamaged
	}
	return &queue.GoneError{ID: id, At: unnanos(int64(binary.BigEndian.Uint64(b))), Why: reason(b[8]).String()}, nil
}

// appendAttempt appends an attempt, which ends the value. Its texts can quote the
// upstream's answer, so they are sealed like messages.
func appendAttempt(b []byte, a *queue.Attempt, seal box) []byte {
	for _, n := range [...]int64{int64(a.Number), nanos(a.At), max(0, int64(a.Duration)), int64(a.Status)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = appendText(b, string(a.Failure), 32)
	var t [128]byte
	texts := appendText(t[:0], a.Error, queue.MaxError)
	texts = appendText(texts, a.Excerpt, queue.MaxExcerpt)
	return seal.close(b, texts)
}

func decodeAttempt(b []byte, seal box) (*queue.Attempt, error) {
	r := fields{rest: b}
	a := &queue.Attempt{Number: int(r.number()), At: unnanos(r.number()), Duration: time.Duration(r.number()), Status: int(r.number())}
	a.Failure = queue.Failure(r.text())
	if err := r.err(); err != nil {
		return nil, err
	}
	texts, err := seal.open(r.rest)
	if err != nil {
		return nil, err
	}
	r = fields{rest: texts}
	a.Error, a.Excerpt = r.text(), r.text()
	return a, r.err()
}

// appendSize appends the value beside a delivery in the indexes.
func appendSize(b []byte, size int64) []byte { return binary.AppendUvarint(b, uint64(size)) }

// decodeSize reads it. A damaged size is 0, for the delivery is there all the same.
func decodeSize(b []byte) int64 {
	r := fields{rest: b}
	return r.number()
}

// unnanos is the time that nanos wrote.
func unnanos(n int64) time.Time {
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
		return errDamaged
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
