package engine_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
)

// TestCompactionsLeft begins compactions beside Pebble's own ones, and leaves each at another
// moment. Pebble has to survive that, and a later compaction still ends.
func TestCompactionsLeft(t *testing.T) {
	o := &owner{t: t, files: vfs.NewMem()}
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	value := make([]byte, 4096)
	whole := func(db *engine.Database) error { return db.Compact([]byte{0}, []byte{0xff}) }
	for i := range 60 {
		for j := range 20 {
			rand.Read(value)
			db, err := o.Enter()
			if err != nil {
				t.Fatal(err)
			}
			batch := db.NewBatch()
			_ = batch.Set(fmt.Appendf(nil, "%03d", (i*20+j*37)%1000), value, nil)
			if err := db.Commit(t.Context(), batch, false, func(error) {}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%13)*2*time.Millisecond)
		if err := o.Compact(ctx, false, whole); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, queue.ErrUnavailable) {
			t.Fatal(err)
		}
		cancel()
	}
	if err := o.Compact(t.Context(), false, whole); err != nil {
		t.Fatal(err)
	}
}

// TestCloseWhileCompacting closes an engine at many points of a compaction, and opens it
// again. A compaction that went on in a closed Pebble left one of its locks taken.
func TestCloseWhileCompacting(t *testing.T) {
	o := &owner{t: t, files: vfs.NewMem()}
	value := make([]byte, 4096)
	whole := func(db *engine.Database) error { return db.Compact([]byte{0}, []byte{0xff}) }
	for i := range 300 {
		if err := o.open(); err != nil {
			t.Fatal(err)
		}
		for j := range 20 {
			rand.Read(value)
			db, err := o.Enter()
			if err != nil {
				t.Fatal(err)
			}
			batch := db.NewBatch()
			_ = batch.Set(fmt.Appendf(nil, "%03d", (i*20+j*37)%1000), value, nil)
			if err := db.Commit(t.Context(), batch, false, func(error) {}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%30)*100*time.Microsecond)
		if err := o.Compact(ctx, false, whole); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, queue.ErrUnavailable) {
			t.Fatal(err)
		}
		cancel()
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
