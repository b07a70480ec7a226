package check

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// reindex makes a salvaged folder one that holds together: each message has its
// summary and its deliveries, each delivery is in one index, and each dedupe key
// will be swept. Where it is not known whether a delivery has ended, it waits.
func (x *salvager) reindex() error {
	r := &reindexer{salvager: x, db: newReader(x.db), names: make(map[record.Digest]string)}
	for _, pass := range []func() error{r.readNames, r.messages, r.summaries, r.indexes, r.keys} {
		if err := pass(); err != nil {
			return err
		}
		if err := x.flush(); err != nil { // the next pass reads it
			return err
		}
	}
	return nil
}

type reindexer struct {
	*salvager
	db    *reader
	names map[record.Digest]string
}

func (r *reindexer) has(key []byte) (bool, error) {
	_, closer, err := r.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, closer.Close()
}

func (r *reindexer) remove(key []byte) error { return r.batch.Delete(key, nil) }

// gone reports whether a message is known to have gone. An old log may have brought
// it back.
func (r *reindexer) gone(id queue.ID) (bool, error) {
	var k record.KeyBuffer
	return r.has(record.GoneKey(&k, id))
}

func (r *reindexer) readNames() error {
	read := func(k, v []byte) error {
		if len(k) == 1+8 && record.DigestOf(string(v)) == record.Digest(k[1:]) {
			r.names[record.Digest(k[1:])] = string(v)
		}
		return nil
	}
	for _, kind := range record.NameKinds {
		if err := r.db.each(kind, read); err != nil {
			return err
		}
	}
	return nil
}

// messages gives each message a summary.
func (r *reindexer) messages() error {
	return r.db.each(record.KindMessage, func(k, v []byte) error {
		if len(k) != 1+16 {
			return nil
		}
		id := queue.ID(k[1:])
		if gone, err := r.gone(id); gone || err != nil {
			return errors.Join(err, r.remove(bytes.Clone(k)))
		}
		m, err := r.seal.OpenMessage(id, bytes.Clone(v))
		if err != nil {
			return nil // without its key its summary has to be there
		}
		var b record.KeyBuffer
		key := record.SummaryKey(&b, record.DigestOf(m.Endpoint), id)
		if held, err := r.value(key); err != nil {
			return err
		} else if sum, err := record.DecodeSummary(held); held != nil && err == nil && len(sum.Destinations) > 0 {
			return nil
		}
		sum := &record.Summary{Size: int64(len(v)), Endpoint: m.Endpoint, EventID: m.EventID, EventType: m.EventType}
		if sum.Destinations, err = r.destinationsOf(id, m.Endpoint); err != nil {
			return err
		}
		return r.set(bytes.Clone(key), sum.Append(nil))
	})
}

func (r *reindexer) value(key []byte) ([]byte, error) {
	v, closer, err := r.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return append([]byte{}, v...), closer.Close()
}

// destinationsOf finds the deliveries of a message whose summary is lost: those of which
// something is known, or else all that its endpoint has had.
func (r *reindexer) destinationsOf(id queue.ID, endpoint string) (destinations []record.Digest, err error) {
	var all []record.Digest
	for lane, name := range r.names {
		if queue.ParseDestination(name).Endpoint != endpoint {
			continue
		}
		all = append(all, lane)
		var k record.KeyBuffer
		for _, key := range [][]byte{bytes.Clone(record.DeliveryKey(&k, id, lane)), record.WaitingEntry(lane, window.Position{Due: record.ReceiptDue(id), ID: id}).Key(&k)} {
			ok, err := r.has(key)
			if err != nil {
				return nil, err
			}
			if ok {
				destinations = append(destinations, lane)
				break
			}
		}
	}
	if len(destinations) == 0 {
		destinations = all
	}
	if len(destinations) == 0 {
		destinations = []record.Digest{record.DigestOf(endpoint)}
	}
	return destinations, nil
}

// summaries puts each delivery into its index.
func (r *reindexer) summaries() error {
	return r.db.each(record.KindSummary, func(k, v []byte) error {
		sum, err := record.DecodeSummary(v)
		if len(k) != 1+8+16 || err != nil || record.DigestOf(sum.Endpoint) != record.Digest(k[1:]) {
			return r.remove(bytes.Clone(k)) // the message got another
		}
		id := queue.ID(k[9:])
		if gone, err := r.gone(id); gone || err != nil {
			return errors.Join(err, r.remove(bytes.Clone(k)))
		}
		var b record.KeyBuffer
		if there, err := r.has(record.MessageKey(&b, id)); err != nil {
			return err
		} else if !there {
			r.report.Lost++
		}
		if sum.EventID != "" {
			// Written once, since a SingleDelete removes it.
			key := record.EventKey(&b, record.EventDigest(sum.EventID), id)
			there, err := r.has(key)
			if err == nil && !there {
				err = r.set(key, nil)
			}
			if err != nil {
				return err
			}
		}
		for _, lane := range sum.Destinations {
			if err := r.name(lane, sum.Endpoint); err != nil {
				return err
			}
			if err := r.index(id, lane, sum.Size/int64(len(sum.Destinations))); err != nil {
				return err
			}
		}
		return nil
	})
}

// name brings back the name of a destination that is lost. Those of an endpoint's own
// destination can be, by their digest.
func (r *reindexer) name(lane record.Digest, endpoint string) error {
	if r.names[lane] != "" || record.DigestOf(endpoint) != lane {
		return nil
	}
	r.names[lane] = endpoint
	var k record.KeyBuffer
	for _, kind := range record.NameKinds {
		if err := r.set(bytes.Clone(record.NameKey(&k, kind, lane)), []byte(endpoint)); err != nil {
			return err
		}
	}
	return nil
}

// index enters a delivery into the index of its stage where it is missing.
func (r *reindexer) index(id queue.ID, lane record.Digest, size int64) error {
	st, found, err := r.delivery(id, lane)
	if err != nil || st.Stage == record.StageGone {
		return err
	}
	if !found {
		st.Size = size
	}
	var k record.KeyBuffer
	key := st.Entry(lane, id).Key(&k)
	if there, err := r.has(key); there || err != nil {
		return err
	}
	if st.Stage == record.StageWaiting || st.Stage == record.StageDead {
		r.report.Restored++
	}
	return r.set(key, st.AppendEntry(nil))
}

// delivery reads the state of a delivery. One that cannot be read counts as waiting.
func (r *reindexer) delivery(id queue.ID, lane record.Digest) (st record.Delivery, found bool, err error) {
	var k record.KeyBuffer
	key := bytes.Clone(record.DeliveryKey(&k, id, lane))
	v, err := r.value(key)
	if err != nil {
		return st, false, err
	}
	if v != nil {
		st, err = record.DecodeDelivery(v, r.seal.For(id))
		if err == nil || errors.Is(err, seal.ErrNoKey) {
			return st, true, nil
		}
		if err := r.remove(key); err != nil {
			return st, false, err
		}
	}
	return record.Delivery{Due: record.ReceiptDue(id)}, false, nil
}

// indexes removes entries of deliveries that are in another index, and of messages that
// have gone.
func (r *reindexer) indexes() error {
	for _, part := range record.Parts {
		err := r.db.each(part, func(k, _ []byte) error {
			d, err := record.SplitEntry(k)
			if err != nil {
				return r.remove(bytes.Clone(k))
			}
			gone, err := r.gone(d.ID)
			if err != nil {
				return err
			}
			st, _, err := r.delivery(d.ID, d.Destination)
			if err != nil {
				return err
			}
			if gone || st.Stage == record.StageGone || st.Entry(d.Destination, d.ID) != d {
				return r.remove(bytes.Clone(k))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, kind := range []byte{record.KindDelivery, record.KindAttempt} {
		err := r.db.each(kind, func(k, _ []byte) error {
			if len(k) < 1+16+8 {
				return r.remove(bytes.Clone(k))
			}
			if gone, err := r.gone(queue.ID(k[1:17])); gone || err != nil {
				return errors.Join(err, r.remove(bytes.Clone(k)))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return r.db.each(record.KindEvent, func(k, _ []byte) error {
		if len(k) != 1+8+16 {
			return r.remove(bytes.Clone(k))
		}
		var b record.KeyBuffer
		if there, err := r.has(record.MessageKey(&b, queue.ID(k[9:]))); there || err != nil {
			return err
		}
		return r.remove(bytes.Clone(k))
	})
}

// keys removes the dedupe keys that do not decode.
func (r *reindexer) keys() error {
	return r.db.each(record.KindKey, func(k, v []byte) error {
		_, _, err := record.SplitDedupe(k)
		if _, bad := record.DecodeExpiry(v); err != nil || bad != nil {
			return r.remove(bytes.Clone(k))
		}
		return nil
	})
}
