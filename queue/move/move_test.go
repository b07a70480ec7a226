package move_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
)

func TestMain(m *testing.M) {
	if os.Getenv(killAt) != "" {
		moveAndDie()
	}
	os.Exit(pgtest.Tests{M: m}.Run())
}

// TestEveryField moves a store that has everything from a folder to a database, to another folder
// and to another schema, with an encryption key that changes on the way. After each move the
// methods of the store show the same.
//
// Each field that they show must have a value somewhere. So a field that is added later fails
// here until fill sets it, and then until it is moved.
func TestEveryField(t *testing.T) {
	first := folderPlace(t, key1)
	now, removed := fill(t, first)
	want := read(t, first, now, removed, contents{})
	values := make(map[string]bool)
	walk(reflect.ValueOf(&want), func(v reflect.Value) {
		if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				name := v.Type().Name() + "." + f.Name
				values[name] = values[name] || !v.Field(i).IsZero()
			}
		}
	})
	for name, has := range values {
		if !has && !slices.Contains(never, name) {
			t.Errorf("%s has no value in this test", name)
		}
	}
	if len(values) < 40 {
		t.Errorf("only %d fields were looked at", len(values))
	}

	var counts move.Counts
	from := first
	for i, to := range []place{schemaPlace(t, key1), folderPlace(t, key2, key1), schemaPlace(t, key2)} {
		from.Now, to.Now = now, now
		if i == 1 {
			from.Keys = to.Keys
		}
		r, err := from.to(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && r.Counts != counts {
			t.Errorf("move %d: %+v instead of %+v", i, r.Counts, counts)
		}
		counts = r.Counts
		compare(t, fmt.Sprintf("move %d", i), read(t, to, now, removed, want), want)
		for _, used := range []place{from} {
			if _, err := used.open(time.Now); !errors.Is(err, queue.ErrMoved) || !strings.Contains(err.Error(), r.To) {
				t.Errorf("the source opens: %v", err)
			}
			if _, err := used.source(t.Context()); !errors.Is(err, queue.ErrMoved) {
				t.Errorf("the source is moved again: %v", err)
			}
		}
		// Records that were sealed with the first key alone open with the second.
		if i == 1 {
			to.Keys = [][]byte{key2}
		}
		from = to
	}
	for name := range reflect.TypeFor[move.Counts]().Fields() {
		if reflect.ValueOf(counts).FieldByIndex(name.Index).IsZero() {
			t.Errorf("nothing was counted as %s", name.Name)
		}
	}
}
