package check

import (
	"bytes"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
)

// checker goes through a folder kind by kind and looks for the counterpart of
// each record. It keeps nothing per message in memory.
type checker struct {
	report       *Report
	seal         *seal.Seal
	db           *reader
	progress     func(done, total int64)
	done, total  int64
	now          int64
	destinations map[record.Digest]*DestinationReport
	problems     map[string]*Problem
	matched      map[byte]int64 // records that their owners have found, by kind

	mu    sync.Mutex
	files map[string]bool // that are damaged
}

// The problems.
const (
	badFile       = "file with a damaged block"
	badPart       = "part that cannot be read, behind a key"
	BadKey        = "key that is not of its kind"
	BadName       = "destination whose name is lost"
	BadMessage    = "message that cannot be read"
	BadSeal       = "message that is encrypted with a key that is not given"
	BadSummary    = "summary that cannot be read"
	BadStanding   = "state of a delivery that cannot be read"
	badAttempt    = "attempt that cannot be read"
	BadSecret     = "secret that cannot be read"
	sealedSecret  = "secret that is encrypted with a key that is not given"
	NoSummary     = "message without a summary"
	NoMessage     = "delivery without its message"
	SumOfNone     = "summary without its message"
	noDeliveries  = "message without deliveries"
	NotIndexed    = "delivery that is missing in its index"
	NotExpected   = "entry of an index without its delivery"
	NotByEvent    = "message that is missing in the index of event IDs"
	EventTooMuch  = "event ID without its message"
	AttemptOfNone = "attempt without its delivery"
	StandsForNone = "state of a delivery without its message"
	KeyTooShort   = "dedupe key that is deleted before it expires"
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

// file notes a damaged file. It is called on any goroutine.
func (c *checker) file(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = make(map[string]bool)
	}
	c.files[path] = true
}

func (c *checker) run(db *pebble.DB) error {
	c.db = newReader(db)
	metrics := db.Metrics()
	c.report.DiskBytes = int64(metrics.DiskSpaceUsage())
	c.estimate()
	held, err := c.get([]byte{record.KindFormat})
	if err != nil {
		return err
	}
	c.report.Format = string(held)
	passes := []func() error{
		c.names, c.messages, c.summaries, c.indexes, c.deliveries, c.attempts, c.events, c.keys, c.secrets, c.others,
	}
	switch string(held) {
	case record.Format:
	case "":
		c.report.Format = "unknown" // empty, or the record is damaged
	default:
		return record.UnknownFormat(held)
	}
	for _, pass := range passes {
		if err := pass(); err != nil {
			return err
		}
	}
	for path := range c.files {
		c.problem(badFile, path)
	}
	holes, records := c.db.damage.Found()
	for _, after := range holes {
		c.problem(badPart, hex.EncodeToString(after))
	}
	for _, key := range records {
		c.problem(BadKey, hex.EncodeToString(key))
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

// each runs through a kind. A record that f finds damaged is a problem.
func (c *checker) each(kind byte, f func(k, v []byte) error) error {
	return c.db.each(kind, func(k, v []byte) error {
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
	if errors.Is(err, pebble.ErrNotFound) || folder.IsCorruption(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v = append(make([]byte, 0, len(v)), v...)
	return v, closer.Close()
}

// has reports whether there is a record. Where that cannot be read, it is taken to
// be there: the damage is a problem of its own.
func (c *checker) has(key []byte) (bool, error) {
	_, closer, err := c.db.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return false, nil
	case folder.IsCorruption(err):
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

func (c *checker) destination(id record.Digest) *DestinationReport {
	l := c.destinations[id]
	if l == nil {
		l = &DestinationReport{Name: record.Nameless(id).String(), Deliveries: make(map[queue.State]int64)}
		c.destinations[id] = l
		c.problem(BadName, l.Name)
	}
	return l
}

func (c *checker) names() error {
	read := func(k, v []byte) error {
		if len(k) != 1+8 || record.DigestOf(string(v)) != record.Digest(k[1:]) {
			return record.ErrDamaged
		}
		c.destinations[record.Digest(k[1:])] = &DestinationReport{Name: string(v), Deliveries: make(map[queue.State]int64)}
		return nil
	}
	for _, kind := range record.NameKinds {
		if err := c.each(kind, read); err != nil {
			return err
		}
	}
	return c.each(record.KindPaused, func(k, _ []byte) error {
		if len(k) != 1+8 {
			return record.ErrDamaged
		}
		c.destination(record.Digest(k[1:])).Paused = true
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
	return c.db.each(kind, func(k, v []byte) error {
		if err := owner(k, v); err != record.ErrDamaged {
			return err
		}
		return nil // it was counted
	})
}

// messages reads all messages. Each of them has a summary.
func (c *checker) messages() error {
	return c.each(record.KindMessage, func(k, v []byte) error {
		if len(k) != 1+16 {
			return record.ErrDamaged
		}
		id := queue.ID(k[1:])
		c.report.Messages++
		c.report.Bytes += int64(len(v))
		if seal.IsSealed(v) {
			c.report.Sealed++
		}
		m, err := c.seal.OpenMessage(id, bytes.Clone(v))
		switch {
		case errors.Is(err, seal.ErrNoKey):
			c.report.needsKey = true
			c.problem(BadSeal, id.String())
			return nil
		case err != nil:
			c.problem(BadMessage, id.String())
			return nil
		}
		var b record.KeyBuffer
		return c.owns(record.SummaryKey(&b, record.DigestOf(m.Endpoint), id), NoSummary, id.String())
	})
}

// summaries goes through the messages in the lists and counts their deliveries.
func (c *checker) summaries() error {
	return c.owned(record.KindSummary, c.summary, func(k, _ []byte) error {
		if len(k) != 1+8+16 {
			return record.ErrDamaged
		}
		var b record.KeyBuffer
		return c.want(record.MessageKey(&b, queue.ID(k[9:])), SumOfNone, queue.ID(k[9:]).String())
	})
}

func (c *checker) summary(k, v []byte) error {
	if len(k) != 1+8+16 {
		return record.ErrDamaged
	}
	id := queue.ID(k[9:])
	sum, err := record.DecodeSummary(v)
	if err != nil || record.DigestOf(sum.Endpoint) != record.Digest(k[1:]) {
		c.problem(BadSummary, id.String())
		return nil
	}
	if sum.EventID != "" {
		var b record.KeyBuffer
		if err := c.owns(record.EventKey(&b, record.EventDigest(sum.EventID), id), NotByEvent, id.String()); err != nil {
			return err
		}
	}
	var b record.KeyBuffer
	there := false
	for _, lane := range sum.Destinations {
		st, err := c.delivery(id, lane)
		if err != nil {
			return err
		}
		if st == nil || st.Stage == record.StageGone {
			continue
		}
		there = true
		c.destination(lane).Deliveries[st.Stage.State()]++
		if err := c.owns(st.Entry(lane, id).Key(&b), NotIndexed, id.String()+" "+c.destination(lane).Name); err != nil {
			return err
		}
	}
	if !there {
		c.problem(noDeliveries, id.String())
	}
	return nil
}

// delivery reads the state of a delivery; nil: it cannot be read.
func (c *checker) delivery(id queue.ID, lane record.Digest) (*record.Delivery, error) {
	var b record.KeyBuffer
	v, err := c.get(record.DeliveryKey(&b, id, lane))
	if v == nil {
		return &record.Delivery{Due: record.ReceiptDue(id)}, err
	}
	st, err := record.DecodeDelivery(v, c.seal.For(id))
	if err != nil && !errors.Is(err, seal.ErrNoKey) {
		return nil, nil // counted with the others of its kind
	}
	return &st, nil
}

// indexes goes through the entries of the index.
func (c *checker) indexes() error {
	for _, part := range record.Parts {
		if err := c.owned(part, c.indexed, c.expected); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) indexed(k, v []byte) error {
	e, err := record.SplitEntry(k)
	if err != nil {
		return err
	}
	l := c.destination(e.Destination)
	if e.Part != record.KindEnded {
		l.Bytes += record.DecodeSize(v)
	}
	if e.Part != record.KindWaiting && e.Part != record.KindOrdered {
		return nil
	}
	at := record.ReceivedAt(e.ID)
	if l.Oldest.IsZero() || at.Before(l.Oldest) {
		l.Oldest = at
	}
	if at.After(l.Newest) {
		l.Newest = at
	}
	return nil
}

// expected compares an entry of an index with the state of its delivery.
func (c *checker) expected(k, _ []byte) error {
	d, err := record.SplitEntry(k)
	if err != nil {
		return err
	}
	st, err := c.delivery(d.ID, d.Destination)
	if err != nil || st == nil {
		return err
	}
	if st.Entry(d.Destination, d.ID) != d {
		c.problem(NotExpected, d.ID.String()+" "+c.destination(d.Destination).Name)
		return nil
	}
	var b record.KeyBuffer
	return c.want(record.MessageKey(&b, d.ID), NoMessage, d.ID.String())
}

// deliveries and attempts belong to messages.
func (c *checker) deliveries() error {
	return c.each(record.KindDelivery, func(k, v []byte) error {
		if len(k) != 1+16+8 {
			return record.ErrDamaged
		}
		id := queue.ID(k[1:17])
		of := id.String() + " " + c.destination(record.Digest(k[17:])).Name
		st, err := record.DecodeDelivery(bytes.Clone(v), c.seal.For(id))
		if err != nil && !errors.Is(err, seal.ErrNoKey) {
			c.problem(BadStanding, of)
		} else {
			of += " " + string(st.Stage.State())
			if st.Last != nil || st.Closed != "" {
				c.report.Attempts++
			}
		}
		var b record.KeyBuffer
		return c.want(record.MessageKey(&b, id), StandsForNone, of)
	})
}

// reader reads a database and walks around its damage.
type reader struct {
	*pebble.DB
	damage *folder.Damage
}

func newReader(db *pebble.DB) *reader {
	return &reader{db, folder.NewDamage(slog.New(slog.DiscardHandler))}
}

// each calls f for the records of one kind. Those that do not decode are noted.
func (r *reader) each(kind byte, f func(k, v []byte) error) error {
	return r.damage.Walk(r.DB, []byte{kind}, []byte{kind + 1}, func(k, v []byte) error {
		err := f(k, v)
		if err == record.ErrDamaged {
			return folder.ErrSetAside
		}
		return err
	})
}
