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

// TestSecret: a secret comes back with the name of its endpoint, and opens in no other place.
func TestSecret(t *testing.T) {
	for _, s := range []*seal.Seal{nil, testSeal(t, 1)} {
		for _, l := range []Secret{{At: 7, Endpoint: "acme", Secret: "s3cret"}, {At: 1, Endpoint: strings.Repeat("long ", 100), Secret: "\xff\xff not sealed"}} {
			key := SecretKey(l.Endpoint, l.Secret)
			v := l.Append(nil, key, s)
			if got, err := DecodeSecret(key, v, s); err != nil || got != l {
				t.Errorf("got %+v, %v, want %+v", got, err, l)
			}
			if sealed := len(s.Ring()) > 0; SealsSecret(v, testSeal(t, 1).Ring()) != sealed {
				t.Errorf("SealsSecret says %v", !sealed)
			}
			if _, err := DecodeSecret(SecretKey("another", l.Secret), v, s); !errors.Is(err, ErrDamaged) {
				t.Errorf("under another endpoint's key: %v", err)
			}
			for n := range len(v) - len(l.Secret) {
				if got, err := DecodeSecret(key, v[:n], s); err == nil && got.Secret == l.Secret {
					t.Errorf("cut off at %d it is %+v", n, got)
				}
			}
		}
	}
}
