package pebble

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
	"github.com/hookwicket/hookwicket/queue/seal"
)

// testSealKey is an encryption key.
func testSealKey(n byte) []byte { return bytes.Repeat([]byte{n}, seal.KeySize) }

// testRecord is a message as it is stored.
func testRecord(s *seal.Seal, m *queue.Message) []byte {
	return s.Message(nil, m.ID, func(b []byte) []byte { return queue.AppendMessage(b, m) })
}

func TestBadSealKey(t *testing.T) {
	_, err := Open(Options{Dir: t.TempDir(), Settings: sealedBy(testSealKey(1), []byte("too short"))})
	if err == nil || !strings.Contains(err.Error(), "key 2 has 9 bytes") || strings.Contains(err.Error(), "too short") {
		t.Errorf("got %v", err)
	}
}

// TestSetKeysFails: keys that cannot be written while the disk fails or is full are refused
// at once, the store recovers, and the keys can be set afterwards.
func TestSetKeysFails(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		disk := &switchFS{FS: vfs.NewMem()}
		o := small(disk)
		o.Settings.Keys, o.Logger = [][]byte{testSealKey(1)}, testLogger(t)
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Learn(t.Context(), "one", "alpha"); err != nil {
			t.Fatal(err)
		}
		set := func(keys ...[]byte) error {
			result := make(chan error, 1)
			go func() { result <- s.Configure(sealedBy(keys...)) }()
			select {
			case err := <-result:
				return err
			case <-time.After(faultPatience):
				t.Fatalf("%v: Configure hangs", cause)
				return nil
			}
		}
		disk.set(cause)
		if err := set(testSealKey(2), testSealKey(1)); !errors.Is(err, queue.ErrUnavailable) {
			t.Errorf("%v: %v", cause, err)
		}
		disk.set(nil)
		waitFor(t, "the store is available", func() bool { return s.Stats().Available })
		if err := set(testSealKey(2), testSealKey(1)); err != nil {
			t.Fatalf("%v: %v", cause, err)
		}
		if err := set(testSealKey(2)); err != nil {
			t.Fatalf("%v: %v", cause, err)
		}
		if got, err := s.Learnt(t.Context(), "one"); err != nil || len(got) != 1 {
			t.Errorf("%v: %q, %v", cause, got, err)
		}
	}
}

// TestCheckWithoutKey: a check of an encrypted folder says that a key is missing.
func TestCheckWithoutKey(t *testing.T) {
	for name, fill := range map[string]func(*Store) error{
		"an event": func(s *Store) error {
			m, id := testMessage(1)
			_, err := s.Accept(t.Context(), m, id, queue.To(dest("a"))...)
			return err
		},
		"a secret": func(s *Store) error { return s.Learn(t.Context(), "one", "alpha") },
	} {
		mem := vfs.NewMem()
		o := small(mem)
		o.Settings.Keys = [][]byte{testSealKey(1)}
		s, err := Open(o)
		if err == nil {
			err = errors.Join(fill(s), s.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, keys := range [][][]byte{nil, {testSealKey(2)}, {testSealKey(1)}} {
			report, err := check.Run(check.Options{FS: mem, Dir: o.Dir, Keys: keys})
			right := len(keys) > 0 && slices.Equal(keys[0], testSealKey(1))
			if err != nil || report.NeedsKey() == right || report.Sound() != right {
				t.Errorf("%s, right key: %v: %+v, %v", name, right, report, err)
			}
		}
	}
}
