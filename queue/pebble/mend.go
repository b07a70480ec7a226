package pebble

import (
	"bytes"
	"context"
	"errors"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// mendPiece is how many deliveries are put back in one commit.
const mendPiece = 512

// mend puts deliveries that wait back into their index where a damaged block hides
// it: the lists still name them. They are due at once and, as their place in line is
// lost, in no line.
//
// The gaps have to go first. A record that is written into a gap cannot be read
// either, and the gap at the end of a destination's index is where its next events
// go: they would wait until somebody salvages the folder. Copies of the damaged
// files stay in a folder beside them.
func (s *Store) mend(db *database, gaps []gap) error {
	if err := s.keepCopies(db); err != nil {
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
	err := each(db, kindList, func(k, v []byte) error {
		sum, err := decodeSummary(v)
		if err != nil || len(k) != 1+8+16 {
			return nil // whoever needs it sets it aside
		}
		id := queue.ID(k[9:])
		for _, lane := range sum.lanes {
			lost, st, err := s.lost(db, id, lane)
			if err != nil {
				return err
			}
			if !lost {
				continue
			}
			st.due, st.order, st.size = nanos(s.now()), nil, sum.size/int64(len(sum.lanes))
			var b keyBuffer
			var size [16]byte
			key := waitingKey(&b, lane, position{st.due, id})
			if err := errors.Join(batch.Set(key, appendSize(size[:0], st.size), nil), s.setStanding(batch, id, lane, &st)); err != nil {
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
func (s *Store) cutOut(db *database, g gap) error {
	from := append(g.after, 0)
	to := g.next
	if to == nil {
		to = []byte{g.after[0] + 1}
	}
	err := db.Excise(context.Background(), pebble.KeyRange{Start: from, End: to})
	if !isCorruption(err) {
		return err
	}
	if to, err = pass(db, g.after, bytes.Repeat([]byte{0xff}, keyLength), false); err != nil {
		return err
	}
	if to == nil {
		to = bytes.Repeat([]byte{0xff}, keyLength)
	}
	return db.Excise(context.Background(), pebble.KeyRange{Start: from, End: to})
}

// damagedDir is where copies of damaged files are kept, in the store's folder.
const damagedDir = "damaged"

// keepCopies links the damaged files that were met, so that nothing which is cut
// out of them is lost for good.
func (s *Store) keepCopies(db *database) error {
	files := db.fence
	dir := files.PathJoin(s.options.Dir, damagedDir)
	if err := files.MkdirAll(dir, privateDir); err != nil {
		return err
	}
	for _, name := range files.tables.list() {
		err := files.Link(name, files.PathJoin(dir, files.PathBase(name)))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// lost tells whether a delivery waits without standing in its index.
func (s *Store) lost(db *database, id queue.ID, lane laneID) (bool, standing, error) {
	st, found, err := s.standing(db, id, lane)
	if isDamage(err) {
		return false, st, nil // it may have ended
	}
	if err != nil && !errors.Is(err, errNoKey) || st.stage != stageWaiting {
		return false, st, err
	}
	if !found {
		st.due = receiptDue(id)
	}
	var b keyBuffer
	_, closer, err := db.Get(st.place(id).key(&b, lane))
	switch {
	case err == nil:
		return false, st, closer.Close()
	case isDamage(err), errors.Is(err, pebble.ErrNotFound):
		return true, st, nil
	}
	return false, st, err
}
