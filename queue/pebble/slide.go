package pebble

import (
	"context"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/window"
)

// known is a decision about an identity that is recorded already.
type known struct {
	verdict queue.Verdict
	expiry  int64 // of the key that decided; nanoseconds
	now     time.Time
}

// slide renews the keys of a repeated identity and releases its stripes. Without
// it, a captured request that is sent again every day would outlive its key.
//
// It writes only when less than half of the window is left, so a key costs at
// most two writes in each window, however often it is repeated. An error is not
// reported: the event is durable, and its key still has the rest of its window.
func (s *Store) slide(ctx context.Context, held held, id queue.Identity, k known) {
	left := time.Duration(k.expiry - window.Nanos(k.now))
	if k.verdict == queue.New || left >= id.Window/2 || s.engine.Full() {
		held.unlock()
		return
	}
	db, err := s.enter()
	if err != nil {
		held.unlock()
		return
	}
	renewed := queue.Identity{
		Key:    s.recorded(db, id.Key, k.now),
		Digest: s.recorded(db, id.Digest, k.now),
		Window: id.Window,
	}
	w := &write{store: s, held: held, id: renewed, batch: db.NewBatch()}
	if err := w.dedupe(k.now); err != nil || w.batch.Empty() {
		w.keys = 0
		w.finish(nil)
		db.Leave()
		return
	}
	_ = db.Commit(ctx, w.batch, true, w.finish)
}

// recorded returns key if its window is not over, else the zero key. A refused
// replay has a known digest and a fresh key, which must not be recorded.
func (s *Store) recorded(db *engine.Database, key queue.Key, now time.Time) queue.Key {
	if key == (queue.Key{}) || !s.filter.mayHave(key) {
		return queue.Key{}
	}
	if _, found, err := s.expiryOf(db, key, window.Nanos(now)); err != nil || !found {
		return queue.Key{}
	}
	return key
}
