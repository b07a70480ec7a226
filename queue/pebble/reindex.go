package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// reindex makes a salvaged folder one that holds together: each message has its
// summary and its deliveries, each delivery stands in one index, and each dedupe key
// will be swept. Where it is not known whether a delivery has ended, it waits.
func (x *salvager) reindex() error {
	r := &reindexer{salvager: x, db: &database{DB: x.db, damage: &damage{log: slog.New(slog.DiscardHandler)}}, names: make(map[laneID]string)}
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
	db    *database
	names map[laneID]string
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
	var k keyBuffer
	return r.has(goneKey(&k, id))
}

func (r *reindexer) readNames() error {
	return each(r.db, kindName, func(k, v []byte) error {
		if len(k) == 1+8 && laneOf(string(v)) == laneID(k[1:]) {
			r.names[laneID(k[1:])] = string(v)
		}
		return nil
	})
}

// messages gives each message a summary.
func (r *reindexer) messages() error {
	return each(r.db, kindMessage, func(k, v []byte) error {
		if len(k) != 1+16 {
			return nil
		}
		id := queue.ID(k[1:])
		if gone, err := r.gone(id); gone || err != nil {
			return errors.Join(err, r.remove(bytes.Clone(k)))
		}
		m, err := r.seal.openMessage(id, bytes.Clone(v))
		if err != nil {
			return nil // without its key its summary has to be there
		}
		var b keyBuffer
		key := listKey(&b, laneOf(m.Endpoint), id)
		if held, err := r.value(key); err != nil {
			return err
		} else if sum, err := decodeSummary(held); held != nil && err == nil && len(sum.lanes) > 0 {
			return nil
		}
		sum := &summary{size: int64(len(v)), endpoint: m.Endpoint, eventID: m.EventID, eventType: m.EventType}
		if sum.lanes, err = r.lanesOf(id, m.Endpoint); err != nil {
			return err
		}
		return r.set(bytes.Clone(key), sum.append(nil))
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

// lanesOf finds the deliveries of a message whose summary is lost: those of which
// something is known, or else all that its endpoint has had.
func (r *reindexer) lanesOf(id queue.ID, endpoint string) (lanes []laneID, err error) {
	var all []laneID
	for lane, name := range r.names {
		if endpointOf(name) != endpoint {
			continue
		}
		all = append(all, lane)
		var k keyBuffer
		for _, key := range [][]byte{bytes.Clone(standingKey(&k, id, lane)), bytes.Clone(waitingKey(&k, lane, position{receiptDue(id), id}))} {
			ok, err := r.has(key)
			if err != nil {
				return nil, err
			}
			if ok {
				lanes = append(lanes, lane)
				break
			}
		}
	}
	if len(lanes) == 0 {
		lanes = all
	}
	if len(lanes) == 0 {
		lanes = []laneID{laneOf(endpoint)}
	}
	return lanes, nil
}

// summaries puts each delivery into its index.
func (r *reindexer) summaries() error {
	return each(r.db, kindList, func(k, v []byte) error {
		sum, err := decodeSummary(v)
		if len(k) != 1+8+16 || err != nil || laneOf(sum.endpoint) != laneID(k[1:]) {
			return r.remove(bytes.Clone(k)) // the message got another
		}
		id := queue.ID(k[9:])
		if gone, err := r.gone(id); gone || err != nil {
			return errors.Join(err, r.remove(bytes.Clone(k)))
		}
		var b keyBuffer
		if there, err := r.has(messageKey(&b, id)); err != nil {
			return err
		} else if !there {
			r.report.Lost++
		}
		if sum.eventID != "" {
			if err := r.set(bytes.Clone(eventKey(&b, eventOf(sum.eventID), id)), nil); err != nil {
				return err
			}
		}
		for _, lane := range sum.lanes {
			if err := r.name(lane, sum.endpoint); err != nil {
				return err
			}
			if err := r.index(id, lane, sum.size/int64(len(sum.lanes))); err != nil {
				return err
			}
		}
		return nil
	})
}

// name brings back the name of a destination that is lost. Those of an endpoint's own
// destination can be: their digest tells.
func (r *reindexer) name(lane laneID, endpoint string) error {
	if r.names[lane] != "" || laneOf(endpoint) != lane {
		return nil
	}
	r.names[lane] = endpoint
	var k keyBuffer
	return r.set(bytes.Clone(nameKey(&k, lane)), []byte(endpoint))
}

// index enters a delivery into the index of its stage where it is missing.
func (r *reindexer) index(id queue.ID, lane laneID, size int64) error {
	st, found, err := r.standing(id, lane)
	if err != nil || st.stage == stageGone {
		return err
	}
	if found {
		size = st.size
	}
	key := st.indexKey(lane, id)
	if there, err := r.has(key); there || err != nil {
		return err
	}
	if st.stage == stageWaiting || st.stage == stageDead {
		r.report.Restored++
	}
	value := appendSize(nil, size)
	if st.stage == stageWaiting && st.order != nil {
		value = appendLine(nil, st.due, size)
	}
	return r.set(key, value)
}

// standing reads where a delivery stands. One of which nothing can be read waits.
func (r *reindexer) standing(id queue.ID, lane laneID) (st standing, found bool, err error) {
	var k keyBuffer
	key := bytes.Clone(standingKey(&k, id, lane))
	v, err := r.value(key)
	if err != nil {
		return st, false, err
	}
	if v != nil {
		st, err = decodeStanding(v, r.seal.of(id))
		if err == nil || errors.Is(err, errNoKey) {
			return st, true, nil
		}
		if err := r.remove(key); err != nil {
			return st, false, err
		}
	}
	return standing{due: receiptDue(id)}, false, nil
}

// indexes removes entries of deliveries that stand elsewhere, and of messages that
// have gone.
func (r *reindexer) indexes() error {
	for _, kind := range []byte{kindWaiting, kindLine, kindDead, kindEnded} {
		err := each(r.db, kind, func(k, v []byte) error {
			d, err := splitIndex(k, v)
			if err != nil {
				return r.remove(bytes.Clone(k))
			}
			gone, err := r.gone(d.id)
			if err != nil {
				return err
			}
			st, _, err := r.standing(d.id, d.lane)
			if err != nil {
				return err
			}
			if gone || st.stage == stageGone || !bytes.Equal(st.indexKey(d.lane, d.id), k) {
				return r.remove(bytes.Clone(k))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, kind := range []byte{kindStanding, kindAttempt} {
		err := each(r.db, kind, func(k, _ []byte) error {
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
	return each(r.db, kindEvent, func(k, _ []byte) error {
		if len(k) != 1+8+16 {
			return r.remove(bytes.Clone(k))
		}
		var b keyBuffer
		if there, err := r.has(messageKey(&b, queue.ID(k[9:]))); there || err != nil {
			return err
		}
		return r.remove(bytes.Clone(k))
	})
}

// keys makes each dedupe key one that is swept, and brings back those of which only
// the expiry can be read.
func (r *reindexer) keys() error {
	var b keyBuffer
	err := each(r.db, kindKey, func(k, v []byte) error {
		if len(k) != 1+16 || len(v) != 8 {
			return r.remove(bytes.Clone(k))
		}
		return r.set(bytes.Clone(expiryKey(&b, int64(binary.BigEndian.Uint64(v)), queue.Key(k[1:]))), nil)
	})
	if err != nil {
		return err
	}
	return each(r.db, kindExpiry, func(k, _ []byte) error {
		expiry, key, err := splitExpiry(k)
		if err != nil {
			return r.remove(bytes.Clone(k))
		}
		known := bytes.Clone(dedupeKey(&b, key))
		if there, err := r.has(known); there || err != nil {
			return err
		}
		return r.set(known, binary.BigEndian.AppendUint64(nil, uint64(expiry)))
	})
}
