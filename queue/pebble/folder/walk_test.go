package folder

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// TestManyHoles: what lies between broken blocks is read, however many there are,
// in both directions, and wherever the next kind is broken, too.
func TestManyHoles(t *testing.T) {
	const count = 5000
	random := rand.New(rand.NewPCG(3, 1))
	for round := range 6 {
		mem := vfs.NewMem()
		bad := new(Tables)
		o := &pebble.Options{FS: mem, Logger: Silent{}}
		db, err := pebble.Open("queue", o)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_800_000_000, 0)
		for i := range count {
			if i%500 == 0 {
				at = at.Add(time.Duration(random.IntN(10_000)) * time.Millisecond)
			}
			id := queue.NewID(at.Add(time.Duration(i) * time.Millisecond))
			for _, kind := range []byte{'m', 'n'} {
				if err := db.Set(append([]byte{kind}, id[:]...), bytes.Repeat([]byte{byte(random.IntN(256))}, 200), pebble.NoSync); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := errors.Join(db.Flush(), db.Compact(t.Context(), []byte{0}, []byte{0xff}, false), db.Close()); err != nil {
			t.Fatal(err)
		}
		names, err := mem.List("queue")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if info, err := mem.Stat("queue/" + name); err == nil && strings.HasSuffix(name, ".sst") {
				for range 2 + 3*round {
					flipBit(t, mem, "queue/"+name, random.Int64N(info.Size()*9/10)) // the end has the file's own index
				}
			}
		}
		o.FS, o.ReadOnly = ReadOnly(mem, bad), true
		o.EventListener = &pebble.EventListener{DataCorruption: func(info pebble.DataCorruptionInfo) { bad.Add(info.Path) }}
		if db, err = pebble.Open("queue", o); err != nil {
			t.Fatal(err)
		}
		walked := 0
		damaged := NewDamage(slog.New(slog.DiscardHandler))
		if err := damaged.Walk(db, []byte{'m'}, []byte{'n'}, func(_, _ []byte) error { walked++; return nil }); err != nil {
			t.Fatal(err)
		}
		back := 0
		for from := []byte{'n'}; from != nil; {
			iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{'m'}, UpperBound: from})
			if err != nil {
				t.Fatal(err)
			}
			for ok := iter.Last(); ok; ok = iter.Prev() {
				from = append([]byte(nil), iter.Key()...)
				back++
			}
			if !IsCorruption(iter.Close()) {
				break
			}
			next, err := Pass(db, from, []byte{'m'}, true)
			if err != nil {
				t.Fatal(err)
			}
			if next != nil {
				next = append(next, 0)
			}
			from = next
		}
		// A block of 4 KiB holds some twenty of these records, and none is broken twice over.
		if least := count - 25*(2+3*round); walked < least || back < least {
			t.Errorf("%d broken blocks: %d of %d records upwards and %d downwards", 2+3*round, walked, count, back)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// flipBit changes one bit of a file.
func flipBit(t *testing.T, files vfs.FS, name string, at int64) {
	t.Helper()
	f, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	content[at] ^= 0x40
	w, err := files.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(content)
	if err := errors.Join(err, w.Sync(), w.Close()); err != nil {
		t.Fatal(err)
	}
}
