package pebble

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestEveryFaultOfOpening cuts the power and makes each write fail in turn while
// what the log holds is taken over. Pebble does a part of that on goroutines of its
// own, where some of its writes must not return an error.
func TestEveryFaultOfOpening(t *testing.T) {
	disk := vfs.NewCrashableMem()
	s, err := Open(small(disk))
	if err != nil {
		t.Fatal(err)
	}
	const events = 20
	for n := range uint32(events) {
		m, id := testMessage(n)
		if _, err := s.Accept(t.Context(), m, id, routesTo("a")...); err != nil {
			t.Fatal(err)
		}
	}
	cut := disk.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	failures := 0
	for i := int32(0); ; i++ {
		here := cut.CrashClone(vfs.CrashCloneCfg{})
		var writes atomic.Int32
		s, err := Open(small(errorfs.Wrap(here, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && writes.Add(1)-1 == i {
				return syscall.EIO
			}
			return nil
		}))))
		if err != nil {
			failures++
			s, err = Open(small(here))
		}
		if err != nil {
			t.Fatalf("fault %d: %v", i, err)
		}
		got := drain(t, s, "a")
		for n := range events {
			if got[fmt.Sprint(n)] != 1 {
				t.Errorf("fault %d: event %d came %d times", i, n, got[fmt.Sprint(n)])
			}
		}
		if err := s.Close(); err != nil && writes.Load() <= i {
			t.Errorf("fault %d: %v", i, err)
		}
		if writes.Load() <= i || t.Failed() {
			t.Logf("%d faults, of which %d ended the opening", i, failures)
			return
		}
	}
}
