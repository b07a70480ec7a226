package pebble

import (
	"bytes"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// checker goes through a folder kind by kind and looks for the counterpart of
// each record. It keeps nothing per message in memory.
type checker struct {
	report      *Report
	seal        *seal
	log         *slog.Logger
	db          *database
	progress    func(done, total int64)
	done, total int64
	now         int64
	lanes       map[laneID]*DestinationReport
	problems    map[string]*Problem
	matched     map[byte]int64 // records that their owners have found, by kind

	mu    sync.Mutex
	files map[string]bool // that are damaged
}

// The problems.
const (
	badFile       = "file with a damaged block"
	badPart       = "part that cannot be read, behind a key"
	badKey        = "key that is not of its kind"
	badName       = "destination whose name is lost"
	badMessage    = "message that cannot be read"
	badSeal       = "message that is encrypted with a key that is not given"
	badSummary    = "summary that cannot be read"
	badStanding   = "state of a delivery that cannot be read"
	badAttempt    = "attempt that cannot be read"
	badSecret     = "secret that cannot be read"
	noSummary     = "message without a summary"
	noMessage     = "delivery without its message"
	sumOfNone     = "summary without its message"
	noDeliveries  = "message without deliveries"
	notIndexed    = "delivery that is missing in its index"
	notExpected   = "entry of an index without its delivery"
	notByEvent    = "message that is missing in the index of event IDs"
	eventTooMuch  = "event ID without its message"
	attemptOfNone = "attempt without its delivery"
	standsForNone = "state of a delivery without its message"
	keyUnswept    = "dedupe key that is never swept"
)

func (c *checker) problem(what, example string) {
	p := c.problems[what]
	if p == nil {
		p = &Problem{What: what, Examples: []string{}}
		c.problems[what] = p
	}
	if p.Count++; len(p.Examples) < maxExamples {
		p.Examples = append(p.Examples, example)
	}
}

// file is told of damaged files, on any goroutine.
func (c *checker) file(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = make(map[string]bool)
	}
	c.files[path] = true
}

func (c *checker) run(db *pebble.DB) error {
	c.db = &database{DB: db, damage: &damage{log: c.log}}
	metrics := db.Metrics()
	c.report.DiskBytes = int64(metrics.DiskSpaceUsage())
	c.estimate()
	held, err := c.get([]byte{kindFormat})
	if err != nil {
		return err
	}
	c.report.Format = string(held)
	passes := []func() error{
		c.names, c.messages, c.summaries, c.index(kindWaiting), c.index(kindLine), c.index(kindDead), c.index(kindEnded), c.standings, c.attempts, c.events, c.keys, c.secrets, c.others,
	}
	switch string(held) {
	case format:
	case "":
		c.report.Format = "unknown" // empty, or the record is damaged
	default:
		return unknownFormat(held)
	}
	for _, pass := range passes {
		if err := pass(); err != nil {
			return err
		}
	}
	for path := range c.files {
		c.problem(badFile, path)
	}
	for after := range c.db.damage.holes {
		c.problem(badPart, hex.EncodeToString([]byte(after)))
	}
	for _, p := range c.db.damage.pending {
		c.problem(badKey, hex.EncodeToString(p.key))
	}
	return nil
}

// estimate counts the records, as far as the files' own figures tell.
func (c *checker) estimate() {
	tables, err := c.db.SSTables(pebble.WithProperties())
	if err != nil {
		return
	}
	for _, level := range tables {
		for _, t := range level {
			c.total += int64(t.Properties.NumEntries) - int64(t.Properties.NumDeletions)
		}
	}
}

// each runs through a kind. What f calls damaged is a problem.
func (c *checker) each(kind byte, f func(k, v []byte) error) error {
	return each(c.db, kind, func(k, v []byte) error {
		if c.done++; c.done%4096 == 0 && c.progress != nil {
			c.total = max(c.total, c.done)
			c.progress(c.done, c.total)
		}
		return f(k, v)
	})
}

// get reads a copy of a value; nil: there is none, or none that can be read.
func (c *checker) get(key []byte) ([]byte, error) {
	v, closer, err := c.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) || isCorruption(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v = append(make([]byte, 0, len(v)), v...)
	return v, closer.Close()
}

// has tells whether there is a record. Where that cannot be read, it is taken to
// be there: the damage is a problem of its own.
func (c *checker) has(key []byte) (bool, error) {
	_, closer, err := c.db.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return false, nil
	case isCorruption(err):
		return true, nil
	case err != nil:
		return false, err
	}
	return true, closer.Close()
}

// want notes a problem unless there is a record.
func (c *checker) want(key []byte, what, example string) error {
	ok, err := c.has(key)
	if err == nil && !ok {
		c.problem(what, example)
	}
	return err
}

func (c *checker) lane(id laneID) *DestinationReport {
	l := c.lanes[id]
	if l == nil {
		l = &DestinationReport{Name: nameless(id), Deliveries: make(map[queue.State]int64)}
		c.lanes[id] = l
		c.problem(badName, l.Name)
	}
	return l
}

func (c *checker) names() error {
	err := c.each(kindName, func(k, v []byte) error {
		if len(k) != 1+8 || laneOf(string(v)) != laneID(k[1:]) {
			return errDamaged
		}
		c.lanes[laneID(k[1:])] = &DestinationReport{Name: string(v), Deliveries: make(map[queue.State]int64)}
		return nil
	})
	if err != nil {
		return err
	}
	return c.each(kindPaused, func(k, _ []byte) error {
		if len(k) != 1+8 {
			return errDamaged
		}
		c.lane(laneID(k[1:])).Paused = true
		return nil
	})
}

// owns notes a problem unless there is a record that belongs to another.
func (c *checker) owns(key []byte, what, example string) error {
	ok, err := c.has(key)
	if err == nil && ok {
		c.matched[key[0]]++
	} else if err == nil {
		c.problem(what, example)
	}
	return err
}

// owned runs through a kind whose records all belong to others. Where there are
// more of them than were found from there, it looks each owner up: that is slow,
// as the owners lie in another order.
func (c *checker) owned(kind byte, f, owner func(k, v []byte) error) error {
	seen := int64(0)
	err := c.each(kind, func(k, v []byte) error {
		err := f(k, v)
		if err == nil {
			seen++
		}
		return err
	})
	if err != nil || seen == c.matched[kind] {
		return err
	}
	return each(c.db, kind, func(k, v []byte) error {
		if err := owner(k, v); err != errDamaged {
			return err
		}
		return nil // it was counted
	})
}

// messages reads all messages. Each of them has a summary.
func (c *checker) messages() error {
	return c.each(kindMessage, func(k, v []byte) error {
		if len(k) != 1+16 {
			return errDamaged
		}
		id := queue.ID(k[1:])
		c.report.Messages++
		c.report.Bytes += int64(len(v))
		if isSealed(v) {
			c.report.Sealed++
		}
		m, err := c.seal.openMessage(id, bytes.Clone(v))
		switch {
		case errors.Is(err, errNoKey):
			c.problem(badSeal, id.String())
			return nil
		case err != nil:
			c.problem(badMessage, id.String())
			return nil
		}
		var b keyBuffer
		return c.owns(listKey(&b, laneOf(m.Endpoint), id), noSummary, id.String())
	})
}

// summaries goes through the messages in the lists and counts their deliveries.
func (c *checker) summaries() error {
	return c.owned(kindList, c.summary, func(k, _ []byte) error {
		if len(k) != 1+8+16 {
			return errDamaged
		}
		var b keyBuffer
		return c.want(messageKey(&b, queue.ID(k[9:])), sumOfNone, queue.ID(k[9:]).String())
	})
}

func (c *checker) summary(k, v []byte) error {
	if len(k) != 1+8+16 {
		return errDamaged
	}
	id := queue.ID(k[9:])
	sum, err := decodeSummary(v)
	if err != nil || laneOf(sum.endpoint) != laneID(k[1:]) {
		c.problem(badSummary, id.String())
		return nil
	}
	if sum.eventID != "" {
		var b keyBuffer
		if err := c.owns(eventKey(&b, eventOf(sum.eventID), id), notByEvent, id.String()); err != nil {
			return err
		}
	}
	there := false
	for _, lane := range sum.lanes {
		st, err := c.standing(id, lane)
		if err != nil {
			return err
		}
		if st == nil || st.stage == stageGone {
			continue
		}
		there = true
		c.lane(lane).Deliveries[st.stage.state()]++
		if err := c.owns(st.indexKey(lane, id), notIndexed, id.String()+" "+c.lane(lane).Name); err != nil {
			return err
		}
	}
	if !there {
		c.problem(noDeliveries, id.String())
	}
	return nil
}

// standing reads where a delivery stands; nil: it cannot be read.
func (c *checker) standing(id queue.ID, lane laneID) (*standing, error) {
	var b keyBuffer
	v, err := c.get(standingKey(&b, id, lane))
	if v == nil {
		return &standing{due: receiptDue(id)}, err
	}
	st, err := decodeStanding(v, c.seal.of(id))
	if err != nil && !errors.Is(err, errNoKey) {
		return nil, nil // counted with the others of its kind
	}
	return &st, nil
}

// indexKey is the key that a delivery has in the index of its stage.
func (s *standing) indexKey(lane laneID, id queue.ID) []byte {
	var b keyBuffer
	switch s.stage {
	case stageWaiting:
		return s.place(id).key(&b, lane)
	case stageDead:
		return deadKey(&b, lane, id)
	}
	return endedKey(&b, lane, s.ended, id)
}

// delivery is an entry of an index, taken apart.
type delivery struct {
	lane laneID
	id   queue.ID
	size int64
}

func splitIndex(k, v []byte) (d delivery, err error) {
	var p position
	var at place
	switch k[0] {
	case kindWaiting:
		d.lane, p, err = splitWaiting(k)
		d.id, d.size = p.id, decodeSize(v)
	case kindLine:
		d.lane, at, d.size, err = splitLine(k, v)
		d.id = at.id
	case kindDead:
		d.lane, d.id, err = splitDead(k)
		d.size = decodeSize(v)
	default:
		d.lane, _, d.id, err = splitEnded(k)
	}
	return d, err
}

// index goes through the entries of an index.
func (c *checker) index(kind byte) func() error {
	return func() error { return c.owned(kind, c.indexed, c.expected) }
}

func (c *checker) indexed(k, v []byte) error {
	d, err := splitIndex(k, v)
	if err != nil {
		return err
	}
	l := c.lane(d.lane)
	l.Bytes += d.size // of what has ended none was read
	if k[0] != kindWaiting && k[0] != kindLine {
		return nil
	}
	at := idTime(d.id)
	if l.Oldest.IsZero() || at.Before(l.Oldest) {
		l.Oldest = at
	}
	if at.After(l.Newest) {
		l.Newest = at
	}
	return nil
}

// expected holds an entry of an index against where its delivery stands.
func (c *checker) expected(k, v []byte) error {
	d, err := splitIndex(k, v)
	if err != nil {
		return err
	}
	st, err := c.standing(d.id, d.lane)
	if err != nil || st == nil {
		return err
	}
	if !bytes.Equal(st.indexKey(d.lane, d.id), k) {
		c.problem(notExpected, d.id.String()+" "+c.lane(d.lane).Name)
		return nil
	}
	var b keyBuffer
	return c.want(messageKey(&b, d.id), noMessage, d.id.String())
}

// standings and attempts belong to messages.
func (c *checker) standings() error {
	return c.each(kindStanding, func(k, v []byte) error {
		if len(k) != 1+16+8 {
			return errDamaged
		}
		id := queue.ID(k[1:17])
		if _, err := decodeStanding(bytes.Clone(v), c.seal.of(id)); err != nil && !errors.Is(err, errNoKey) {
			c.problem(badStanding, id.String()+" "+c.lane(laneID(k[17:])).Name)
		}
		var b keyBuffer
		return c.want(messageKey(&b, id), standsForNone, id.String())
	})
}
