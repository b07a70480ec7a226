package pebble

import (
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// format1 is the format before this one. It had no lists, kept what is known of
// a delivery in the indexes of what waits and of the dead letters, behind the
// size, and had one kind of its own:
//
//	d id lane                a destination not yet done; only of messages with several
const (
	format1  = "hookwicket queue 1"
	kindPart = 'd'
)

// upgradePiece is how many deliveries are upgraded in one commit.
const upgradePiece = 512

// upgrade makes a folder of format 1 one of this format. It adds records and
// changes none, until its last commit, which is durable, names the new format
// and takes the old kind away. Whatever ends it before, it starts over the next
// time; the version that wrote the folder can use it until then.
func (s *Store) upgrade(db *database) error {
	s.options.Logger.Info("the queue's folder is being upgraded", "from", format1, "to", format)
	began := time.Now()
	u := &upgrade{store: s, db: db}
	if err := u.clear(); err != nil {
		return err
	}
	names, err := u.names()
	if err != nil {
		return err
	}
	u.lanes = names
	if err := u.deliveries(); err != nil {
		return err
	}
	batch := db.NewBatch()
	err = errors.Join(
		batch.DeleteRange([]byte{kindPart}, []byte{kindPart + 1}, nil),
		batch.Set([]byte{kindFormat}, []byte(format), nil),
		db.Apply(batch, pebble.Sync),
	)
	if err != nil {
		return err
	}
	s.options.Logger.Info("the queue's folder is upgraded", "deliveries", u.done.Load(), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

type upgrade struct {
	store *Store
	db    *database
	lanes map[laneID]string
	done  atomic.Int64
}

// clear removes what an upgrade that did not end has left, for what it describes
// may have gone since.
func (u *upgrade) clear() error {
	batch := u.db.NewBatch()
	var err error
	for _, kind := range []byte{kindList, kindEvent, kindStanding, kindAttempt} {
		err = errors.Join(err, batch.DeleteRange([]byte{kind}, []byte{kind + 1}, nil))
	}
	return errors.Join(err, u.db.Apply(batch, pebble.NoSync))
}

func (u *upgrade) names() (map[laneID]string, error) {
	names := make(map[laneID]string)
	return names, each(u.db, kindName, func(k, v []byte) error {
		if len(k) == 1+8 {
			names[laneID(k[1:])] = string(v)
		}
		return nil
	})
}

// oldDelivery is a delivery in an index of format 1.
type oldDelivery struct {
	id    queue.ID
	lane  laneID
	parts int
	at    standing
}

// deliveries goes through both indexes and has the pieces upgraded by as many
// goroutines as there are processors.
func (u *upgrade) deliveries() error {
	pieces := make(chan []oldDelivery)
	stop := make(chan struct{})
	var (
		workers sync.WaitGroup
		once    sync.Once
		failure error
	)
	fail := func(err error) { once.Do(func() { failure = err; close(stop) }) }
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for piece := range pieces {
				if err := guarded(func() error { return u.write(piece) }); err != nil {
					fail(err)
					return
				}
			}
		})
	}
	if err := u.read(pieces, stop); err != nil {
		fail(err)
	}
	close(pieces)
	workers.Wait()
	return failure
}

func (u *upgrade) read(pieces chan<- []oldDelivery, stop <-chan struct{}) error {
	var piece []oldDelivery
	reported := time.Now()
	send := func() error {
		select {
		case pieces <- piece:
		case <-stop:
			return errFenced // the first error is the one that counts
		case <-u.store.closing:
			return errors.New("the store is closed")
		}
		piece = make([]oldDelivery, 0, upgradePiece)
		if now := time.Now(); now.Sub(reported) >= 2*time.Second {
			reported = now
			u.store.options.Logger.Info("upgrading the queue's folder", "deliveries", u.done.Load())
		}
		return nil
	}
	take := func(d oldDelivery, v []byte) error {
		if err := d.decode(v); err != nil {
			return err
		}
		if piece = append(piece, d); len(piece) < upgradePiece {
			return nil
		}
		return send()
	}
	err := each(u.db, kindWaiting, func(k, v []byte) error {
		lane, p, err := splitWaiting(k)
		if err != nil {
			return err
		}
		return take(oldDelivery{id: p.id, lane: lane, at: standing{due: p.due}}, v)
	})
	if err == nil {
		err = each(u.db, kindDead, func(k, v []byte) error {
			lane, id, err := splitDead(k)
			if err != nil {
				return err
			}
			return take(oldDelivery{id: id, lane: lane, at: standing{stage: stageDead}}, v)
		})
	}
	if err != nil {
		return err
	}
	return send()
}

// decode reads the value of format 1: size and number of parts, and, once
// attempted, the number of attempts, the time of the last and its error.
func (d *oldDelivery) decode(v []byte) error {
	r := fields{rest: v}
	d.at.size = r.number()
	d.parts = int(r.number())
	if !r.bad && len(r.rest) > 0 {
		d.at.attempts = int(min(r.number(), math.MaxInt32))
		at := r.number()
		if d.at.stage == stageDead {
			d.at.ended = at
		}
		d.at.written = 1
		// The texts of format 1 do not tell in which way an attempt failed.
		d.at.last = &queue.Attempt{Number: d.at.attempts, At: unnanos(at), Failure: queue.Broken, Error: string(r.rest)}
	}
	return r.err()
}

// write upgrades a piece: it adds the records that the message, and each of its
// deliveries alike, should have.
func (u *upgrade) write(piece []oldDelivery) error {
	batch := u.db.NewBatch()
	for i := range piece {
		d := &piece[i]
		sum, err := u.summary(d)
		if err != nil {
			return err
		}
		var k keyBuffer
		if err := batch.Set(listKey(&k, laneOf(sum.endpoint), d.id), sum.append(nil), nil); err != nil {
			return err
		}
		if sum.eventID != "" {
			if err := batch.Set(eventKey(&k, eventOf(sum.eventID), d.id), nil, nil); err != nil {
				return err
			}
		}
		if d.at.last != nil {
			v := appendAttempt(nil, d.at.last, u.store.seal.of(d.id))
			if err := batch.Set(attemptKey(&k, d.id, d.lane, d.at.written), v, nil); err != nil {
				return err
			}
		}
		// Also of those that nobody has touched: the old format let them fall due at
		// another time than that in their ID.
		if err := u.store.setStanding(batch, d.id, d.lane, &d.at); err != nil {
			return err
		}
	}
	if err := u.db.Apply(batch, pebble.NoSync); err != nil {
		return err
	}
	u.done.Add(int64(len(piece)))
	return batch.Close()
}

// summary describes a message. One that cannot be read is described by what its
// index knows: it becomes a dead letter when it is its turn.
func (u *upgrade) summary(d *oldDelivery) (*summary, error) {
	sum := &summary{size: d.at.size, endpoint: endpointOf(u.lanes[d.lane]), lanes: []laneID{d.lane}}
	var k keyBuffer
	v, closer, err := u.db.Get(messageKey(&k, d.id))
	switch {
	case errors.Is(err, pebble.ErrNotFound) || isDamage(err):
	case err != nil:
		return nil, err
	default:
		sum.size = int64(len(v))
		if m, err := u.store.seal.openMessage(d.id, v); err == nil {
			sum.endpoint, sum.eventID, sum.eventType = m.Endpoint, m.EventID, m.EventType
		}
		if err := closer.Close(); err != nil {
			return nil, err
		}
	}
	if d.parts > 1 {
		return sum, u.parts(d, sum)
	}
	return sum, nil
}

// parts finds the other deliveries of a message that are not done.
func (u *upgrade) parts(d *oldDelivery, sum *summary) error {
	lower := append([]byte{kindPart}, d.id[:]...)
	upper := binary.BigEndian.AppendUint64(append([]byte{kindPart}, d.id[:]...), math.MaxUint64)
	iter, err := u.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: append(upper, 0)})
	if err != nil {
		return err
	}
	var lanes []laneID
	for ok := iter.First(); ok; ok = iter.Next() {
		if k := iter.Key(); len(k) == 1+16+8 {
			lanes = append(lanes, laneID(k[17:]))
		}
	}
	if len(lanes) > 0 {
		sum.lanes = lanes
	}
	return errors.Join(iter.Error(), iter.Close())
}
