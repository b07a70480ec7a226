package pebble

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

var _ queue.Inspector = (*Store)(nil)

// DeadLetters implements [queue.Inspector].
func (s *Store) DeadLetters(ctx context.Context, destination string, after queue.ID, n int) ([]queue.Buried, error) {
	db, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer db.leave()
	lane := laneOf(destination)
	var lower, upper keyBuffer
	iter, err := db.NewIter(&pebble.IterOptions{
		LowerBound: append(deadKey(&lower, lane, after), 0),
		UpperBound: deadKey(&upper, lane, end.id),
	})
	if err != nil {
		return nil, unavailable(err)
	}
	var letters []queue.Buried
	for ok := iter.First(); ok && len(letters) < n && err == nil; ok = iter.Next() {
		var letter queue.Buried
		if letter, err = deadLetter(db, destination, iter.Key(), iter.Value()); err == nil {
			letters = append(letters, letter)
			err = ctx.Err()
		}
	}
	return letters, errors.Join(err, iter.Close())
}

func deadLetter(db *database, destination string, k, v []byte) (d queue.Buried, err error) {
	_, id, err := splitDead(k)
	if err != nil {
		return d, err
	}
	st, err := decodeState(v)
	if err != nil {
		return d, err
	}
	d.Delivery = queue.Delivery{Destination: destination, Attempts: st.attempts, LastError: st.lastError, LastAttempt: time.Unix(0, st.lastAttempt)}
	record, err := message(db, id)
	if err == nil {
		d.Message, err = queue.DecodeMessage(record)
	}
	if err != nil {
		d.Message, d.Err = nil, fmt.Errorf("message %v: %w", id, err)
	}
	return d, nil
}

// Redeliver implements [queue.Inspector].
func (s *Store) Redeliver(ctx context.Context, destination string, id queue.ID) error {
	return s.raise(ctx, destination, id, func(db *database, batch *pebble.Batch, g *grave) (func(), error) {
		// The index must not be scanned with the entry before memory knows of it.
		g.lane.begin(id)
		g.back = true
		g.at = position{nanos(s.now()), id}
		next := state{size: g.state.size, parts: g.state.parts}
		var k keyBuffer
		return func() {}, batch.Set(waitingKey(&k, g.lane.id, g.at), next.append(nil), nil)
	})
}

// Discard implements [queue.Inspector].
func (s *Store) Discard(ctx context.Context, destination string, id queue.ID) error {
	return s.raise(ctx, destination, id, func(db *database, batch *pebble.Batch, g *grave) (func(), error) {
		return s.dropMessage(db, batch, g.lane, id, g.state.parts)
	})
}

// grave is a dead letter that is being redelivered or discarded.
type grave struct {
	lane  *lane
	state state
	back  bool // it waits again
	at    position
}

// raise takes a dead letter out of its place, durably.
func (s *Store) raise(ctx context.Context, destination string, id queue.ID, add func(*database, *pebble.Batch, *grave) (func(), error)) error {
	l, err := s.lane(destination)
	if err != nil {
		return err
	}
	// Two persons may press the button.
	held, err := s.locks.lock(ctx, queue.Key(id), queue.Key{})
	if err != nil {
		return unavailable(err)
	}
	db, err := s.enter()
	if err != nil {
		held.unlock()
		return err
	}
	g := &grave{lane: l}
	unlock, batch := func() {}, db.NewBatch()
	finish := sync.OnceFunc(func() { unlock(); held.unlock() })
	var k keyBuffer
	v, closer, err := db.Get(deadKey(&k, l.id, id))
	if err == nil {
		g.state, err = decodeState(v)
		err = errors.Join(err, closer.Close())
	} else if errors.Is(err, pebble.ErrNotFound) {
		err = queue.ErrNotFound
	}
	if err == nil {
		err = batch.SingleDelete(deadKey(&k, l.id, id), nil)
	}
	if err == nil {
		unlock, err = add(db, batch, g)
	}
	if err != nil {
		finish()
		db.leave()
		return err
	}
	return db.commit(ctx, s.disk, batch, true, func(err error) {
		s.raised(g, err)
		finish()
	})
}

// raised brings memory up to what is on disk.
func (s *Store) raised(g *grave, err error) {
	l := g.lane
	if g.back {
		// accepted counts the bytes again.
		l.accepted(entry{position: g.at}, &g.state, err)
	}
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead--
	l.bytes -= g.state.size
	if !g.back {
		s.bytes.Add(-g.state.size)
	}
}

// message reads a message's bytes.
func message(db *database, id queue.ID) ([]byte, error) {
	var b keyBuffer
	v, closer, err := db.Get(messageKey(&b, id))
	if err != nil {
		return nil, err
	}
	record := append(make([]byte, 0, len(v)), v...)
	return record, closer.Close()
}
