package check

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"
)

func TestMeasureDisk(t *testing.T) {
	dir := t.TempDir()
	d, err := MeasureDisk(t.Context(), dir)
	if err != nil || d.Dir != dir || d.Syncs < fewestSyncs || d.Median <= 0 || d.P99 < d.Median {
		t.Errorf("%+v, %v", d, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := MeasureDisk(ended, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind, %v", left, err)
	}
	if _, err := MeasureDisk(t.Context(), dir+"/missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestDiskVerdict(t *testing.T) {
	for median, want := range map[time.Duration][2]bool{
		20 * time.Microsecond:  {true, false},
		100 * time.Microsecond: {},
		8 * time.Millisecond:   {},
		80 * time.Millisecond:  {false, true},
	} {
		d := Disk{Median: median}
		if got := [2]bool{d.Doubtful(), d.Slow()}; got != want {
			t.Errorf("%v: doubtful and slow are %v, want %v", median, got, want)
		}
	}
}
