package pebble

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// mendPiece is how many deliveries are put back in one commit.
const mendPiece = 512

// mend puts deliveries that wait back into their index where a damaged block hides
// it: the lists still name them. They are due at once, and have no order key any more.
//
// The gaps have to go first. A record that is written into a gap cannot be read
// either, and the gap at the end of a destination's index is where its next events
// go: they would wait until somebody salvages the folder. Copies of the damaged
// files stay in a folder beside them.
func (s *Store) mend(db *engine.Database, gaps []folder.Gap) error {
	if err := db.KeepDamaged(); err != nil {
		return err
	}
	for _, g := range gaps {
		if err := s.cutOut(db, g); err != nil {
			return err
		}
	}
	batch, mended := db.NewBatch(), 0
	apply := func() error {
		if err := db.Apply(batch, pebble.NoSync); err != nil {
			return err
		}
		batch = db.NewBatch()
		return nil
	}
	err := each(db, record.KindSummary, func(k, v []byte) error {
		sum, err := record.DecodeSummary(v)
		if err != nil || len(k) != 1+8+16 {
			return nil // a reader sets it aside
		}
		id := queue.ID(k[9:])
		for _, digest := range sum.Destinations {
			lost, st, err := s.lost(db, id, digest)
			if err != nil {
				return err
			}
			if !lost {
				continue
			}
			st.Due, st.Order, st.Size = window.Nanos(s.now()), nil, sum.Size/int64(len(sum.Destinations))
			var b record.KeyBuffer
			if err := errors.Join(batch.Set(st.Entry(digest, id).Key(&b), st.AppendEntry(nil), nil), s.setDelivery(batch, id, digest, &st)); err != nil {
				return err
			}
			if mended++; mended%mendPiece == 0 {
				if err := apply(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if mended > 0 {
		s.options.Logger.Warn("deliveries were put back into a damaged index", "deliveries", mended)
	}
	return apply()
}

// cutOut removes a gap from the files. Where the broken block goes on into
// another kind, all that it hides goes.
func (s *Store) cutOut(db *engine.Database, g folder.Gap) error {
	from := append(g.After, 0)
	to := g.Next
	if to == nil {
		to = []byte{g.After[0] + 1}
	}
	err := db.Excise(context.Background(), pebble.KeyRange{Start: from, End: to})
	if !folder.IsCorruption(err) {
		return err
	}
	if to, err = folder.Pass(db, g.After, folder.BehindAll(), false); err != nil {
		return err
	}
	if to == nil {
		to = folder.BehindAll()
	}
	return db.Excise(context.Background(), pebble.KeyRange{Start: from, End: to})
}

// lost reports whether a waiting delivery is missing in its index.
func (s *Store) lost(db *engine.Database, id queue.ID, digest record.Digest) (bool, record.Delivery, error) {
	st, found, err := s.delivery(db, id, digest)
	if isDamage(err) {
		return false, st, nil // it may have ended
	}
	if err != nil && !errors.Is(err, seal.ErrNoKey) || st.Stage != record.StageWaiting {
		return false, st, err
	}
	if !found {
		st.Due = record.ReceiptDue(id)
	}
	var b record.KeyBuffer
	_, closer, err := db.Get(st.Entry(digest, id).Key(&b))
	switch {
	case err == nil:
		return false, st, closer.Close()
	case isDamage(err), errors.Is(err, pebble.ErrNotFound):
		return true, st, nil
	}
	return false, st, err
}
