package pebble

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue/pebble/record"
)

// TestMerge holds merges against sorting all that there is: in both directions,
// between bounds, of some lists and of all, and begun behind every row.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	db, err := pebble.Open("", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var all []row
	for range 700 {
		// Few places, so that many lists meet in one.
		rest := binary.BigEndian.AppendUint64(make([]byte, 8), rng.Uint64N(90))
		r := row{list: record.Digest{byte(rng.IntN(9)) * 31}, rest: rest}
		key := slices.Concat([]byte{record.KindSummary}, r.list[:], r.rest)
		if _, closer, err := db.Get(key); err == nil {
			closer.Close()
			continue
		}
		all = append(all, r)
		if err := db.Set(key, r.rest, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, stranger := range [][]byte{{record.KindSummary - 1, 255}, {record.KindSummary + 1}, {record.KindSummary, 5}, slices.Concat([]byte{record.KindSummary}, make([]byte, 10))} {
		if err := db.Set(stranger, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	place := func(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 8), n) }
	for _, down := range []bool{false, true} {
		for _, c := range []struct {
			lists    []record.Digest
			from, to []byte
		}{
			{},
			{from: place(20), to: place(60)},
			{lists: []record.Digest{{31}}},
			{lists: []record.Digest{{0}, {62}, {7}}, from: place(33)},
			{lists: []record.Digest{}},
		} {
			want := slices.DeleteFunc(slices.Clone(all), func(r row) bool {
				return c.lists != nil && !slices.Contains(c.lists, r.list) ||
					c.from != nil && bytes.Compare(r.rest, c.from) < 0 || c.to != nil && bytes.Compare(r.rest, c.to) >= 0
			})
			slices.SortFunc(want, func(a, b row) int {
				n := cmp.Or(bytes.Compare(a.rest, b.rest), bytes.Compare(a.list[:], b.list[:]))
				if down {
					n = -n
				}
				return n
			})
			for i := -1; i < len(want); i++ {
				var after *row
				if i >= 0 {
					after = &want[i]
				}
				m, err := newMerge(db, span{kind: record.KindSummary, down: down, lists: c.lists, from: c.from, to: c.to, after: after})
				if err != nil {
					t.Fatal(err)
				}
				rest := want[i+1:]
				for n := 0; ; n++ {
					r := m.next()
					if r == nil && n == len(rest) {
						break
					}
					if r == nil || n == len(rest) || r.list != rest[n].list || !bytes.Equal(r.rest, rest[n].rest) {
						t.Fatalf("down %v, %+v: row %d behind %d is %v", down, c, n, i, r)
					}
					if !bytes.Equal(r.value, r.rest) {
						t.Fatal("another row's value")
					}
				}
				if err := m.close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
