package check

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	syncRecord   = 2 << 10 // bytes written before each sync, as much as a usual event
	syncDuration = 2 * time.Second
	fewestSyncs  = 20 // on a very slow disk
	mostSyncs    = 20_000

	// doubtfulSync is faster than any disk without protection against power loss.
	doubtfulSync = 50 * time.Microsecond
	// slowSync is slower than a hard disk should be.
	slowSync = 25 * time.Millisecond
)

// Disk is the measured cost of a sync. One sync is needed before a sender gets a 2xx;
// senders at the same time share it.
type Disk struct {
	Dir    string        `json:"dir"`
	Syncs  int           `json:"syncs"`
	Median time.Duration `json:"median_ns"`
	P99    time.Duration `json:"p99_ns"`
}

// Doubtful reports whether syncs return faster than a disk can write. Either the disk
// has protection against power loss, or acknowledged events can be lost with the power.
func (d Disk) Doubtful() bool { return d.Median < doubtfulSync }

// Slow reports whether senders wait long for their answers because of the disk.
func (d Disk) Slow() bool { return d.Median > slowSync }

// MeasureDisk writes and syncs a file of its own in a folder for two seconds, in the way
// the store does, and removes it.
func MeasureDisk(ctx context.Context, dir string) (Disk, error) {
	d, err := measureDisk(ctx, dir)
	if err != nil {
		return d, fmt.Errorf("measuring the disk: %w", err)
	}
	return d, nil
}

func measureDisk(ctx context.Context, dir string) (d Disk, err error) {
	d.Dir = dir
	name := filepath.Join(dir, fmt.Sprintf(".webhook_gateway-disk-%d", os.Getpid()))
	file, err := vfs.Default.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(name)) }()
	record := make([]byte, syncRecord)
	rand.Read(record)
	var times []time.Duration
	for began := time.Now(); len(times) < mostSyncs && (len(times) < fewestSyncs || time.Since(began) < syncDuration); {
		if err := ctx.Err(); err != nil {
			return d, err
		}
		before := time.Now()
		if _, err := file.Write(record); err != nil {
			return d, err
		}
		if err := file.SyncData(); err != nil {
			return d, err
		}
		times = append(times, time.Since(before))
	}
	slices.Sort(times)
	d.Syncs, d.Median, d.P99 = len(times), times[len(times)/2], times[len(times)*99/100]
	return d, nil
}
