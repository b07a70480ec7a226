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
	for i := range 60 {
		o.writeAndCompact(i, time.Duration(i%13)*2*time.Millisecond)
	}
	if err := o.Compact(t.Context(), false, whole); err != nil {
		t.Fatal(err)
	}
}

func whole(db *engine.Database) error { return db.Compact([]byte{0}, []byte{0xff}) }

// writeAndCompact writes records and compacts all, and leaves after a time.
func (o *owner) writeAndCompact(round int, patience time.Duration) {
	o.t.Helper()
	value := make([]byte, 4096)
	for j := range 20 {
		rand.Read(value)
		db, err := o.Enter()
		if err != nil {
			o.t.Fatal(err)
		}
		batch := db.NewBatch()
		_ = batch.Set(fmt.Appendf(nil, "%03d", (round*20+j*37)%1000), value, nil)
		if err := db.Commit(o.t.Context(), batch, false, func(error) {}); err != nil {
			o.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	if err := o.Compact(ctx, false, whole); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, queue.ErrUnavailable) {
		o.t.Fatal(err)
	}
}

// TestCloseWhileCompacting closes an engine at many points of a compaction, and opens it
// again. A compaction that went on in a closed Pebble left one of its locks taken.
func TestCloseWhileCompacting(t *testing.T) {
	o := &owner{t: t, files: vfs.NewMem()}
	for i := range 300 {
		if err := o.open(); err != nil {
			t.Fatal(err)
		}
		o.writeAndCompact(i, time.Duration(i%30)*100*time.Microsecond)
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
