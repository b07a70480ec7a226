package record

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
)

func testSeal(t *testing.T, keys ...byte) *seal.Seal {
	t.Helper()
	var all [][]byte
	for _, n := range keys {
		all = append(all, bytes.Repeat([]byte{n}, seal.KeySize))
	}
	s, err := seal.New(all)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSealedAttempt: texts of every length are told from sealed ones, those
// whose length begins like the mark among them.
func TestSealedAttempt(t *testing.T) {
	id := queue.NewID(time.Now())
	for _, s := range []*seal.Seal{nil, testSeal(t, 1)} {
		for n := range queue.MaxError + 1 {
			a := &queue.Attempt{Number: 3, At: time.Unix(1, 0), Failure: queue.Status, Status: 500,
				Error: strings.Repeat("\xff", n), Excerpt: strings.Repeat("\xff", queue.MaxExcerpt-n)}
			b := AppendAttempt(nil, a, s.For(id))
			for _, opener := range []seal.Box{testSeal(t, 1).For(id), testSeal(t, 2, 1).For(id)} {
				got, err := DecodeAttempt(b, opener)
				if err != nil || *got != *a {
					t.Fatalf("length %d: %v, %v", n, got, err)
				}
			}
			_, err := DecodeAttempt(b, testSeal(t, 2).For(id))
			if sealed := len(s.Ring()) > 0; sealed != errors.Is(err, seal.ErrNoKey) {
				t.Fatalf("length %d: with another key %v", n, err)
			}
			if _, err := DecodeAttempt(b, testSeal(t, 1).For(queue.NewID(time.Now()))); len(s.Ring()) > 0 && !errors.Is(err, ErrDamaged) {
				t.Fatalf("length %d: for another message %v", n, err)
			}
		}
	}
}
