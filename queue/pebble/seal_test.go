package pebble

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

func testSealKey(n byte) []byte { return bytes.Repeat([]byte{n}, sealKeySize) }

func testSeal(t *testing.T, keys ...byte) *seal {
	t.Helper()
	var all [][]byte
	for _, n := range keys {
		all = append(all, testSealKey(n))
	}
	s, err := newSeal(all)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestXAES holds the derivation of keys against the vectors of the
// specification, c2sp.org/XAES-256-GCM. Of the two keys one has a subkey whose
// doubling carries and the other one has not.
func TestXAES(t *testing.T) {
	nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
	for _, c := range []struct {
		key        byte
		bound, hex string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		k := newSealKey(testSealKey(c.key))
		got := k.gcm(nonce).Seal(nil, nonce[12:], []byte("XAES-256-GCM"), []byte(c.bound))
		if hex.EncodeToString(got) != c.hex {
			t.Errorf("key %d: got %x", c.key, got)
		}
	}
}

func TestSealedMessage(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := &queue.Message{
		ID: queue.NewID(at), ReceivedAt: at, Endpoint: "pay", Method: "POST", URI: "/in?customer=4711",
		Header: http.Header{"X-Customer": {"Mallory"}}, Body: []byte("confidential"),
	}
	other := queue.NewID(at)
	one := testSeal(t, 1)
	record := one.message([]byte("before"), m)
	if !bytes.HasPrefix(record, []byte("before"+sealMark)) {
		t.Fatalf("begins with %x", record[:10])
	}
	record = record[len("before"):]
	for _, secret := range []string{"confidential", "Mallory", "4711"} {
		if bytes.Contains(record, []byte(secret)) {
			t.Errorf("%q stands in the sealed record", secret)
		}
	}
	if bytes.Equal(record, one.message(nil, m)) {
		t.Error("the same record twice")
	}
	plain := (*seal)(nil).message(nil, m)
	if extra := len(record) - len(plain); extra != one.overhead() {
		t.Errorf("%d bytes of overhead, not %d", extra, one.overhead())
	}
	short := record[:sealHead+3]
	flipped := bytes.Clone(record)
	flipped[len(flipped)-1] ^= 1
	for _, c := range []struct {
		name   string
		seal   *seal
		id     queue.ID
		record []byte
		err    error
	}{
		{"its key", one, m.ID, record, nil},
		{"an old key", testSeal(t, 2, 1), m.ID, record, nil},
		{"plain, with a key", one, m.ID, plain, nil},
		{"plain, without", nil, m.ID, plain, nil},
		{"another key", testSeal(t, 2), m.ID, record, errNoKey},
		{"no key", nil, m.ID, record, errNoKey},
		{"keys taken away", testSeal(t), m.ID, record, errNoKey},
		{"in another's place", one, other, record, errDamaged},
		{"plain in another's place", one, other, plain, errDamaged},
		{"a bit changed", one, m.ID, flipped, errDamaged},
		{"cut", one, m.ID, short, errDamaged},
		{"nothing", one, m.ID, nil, queue.ErrDamaged},
	} {
		got, err := c.seal.openMessage(c.id, c.record)
		if !errors.Is(err, c.err) || (err == nil) != (got != nil) {
			t.Errorf("%s: got %v", c.name, err)
		}
		if got != nil && string(got.Body) != "confidential" {
			t.Errorf("%s: body %q", c.name, got.Body)
		}
		if err != nil && strings.Contains(err.Error(), hex.EncodeToString(testSealKey(1)[:4])) {
			t.Errorf("%s: the error tells of the key: %v", c.name, err)
		}
	}
}

// TestSealedAttempt: texts of every length are told from sealed ones, those
// whose length begins like the mark among them.
func TestSealedAttempt(t *testing.T) {
	id := queue.NewID(time.Now())
	for _, seal := range []*seal{nil, testSeal(t, 1)} {
		for n := range queue.MaxError + 1 {
			a := &queue.Attempt{Number: 3, At: time.Unix(1, 0), Failure: queue.Status, Status: 500,
				Error: strings.Repeat("\xff", n), Excerpt: strings.Repeat("\xff", queue.MaxExcerpt-n)}
			b := appendAttempt(nil, a, seal.of(id))
			for _, opener := range []box{testSeal(t, 1).of(id), testSeal(t, 2, 1).of(id)} {
				got, err := decodeAttempt(b, opener)
				if err != nil || *got != *a {
					t.Fatalf("length %d: %v, %v", n, got, err)
				}
			}
			_, err := decodeAttempt(b, testSeal(t, 2).of(id))
			if sealed := len(seal.ring()) > 0; sealed != errors.Is(err, errNoKey) {
				t.Fatalf("length %d: with another key %v", n, err)
			}
			if _, err := decodeAttempt(b, testSeal(t, 1).of(queue.NewID(time.Now()))); len(seal.ring()) > 0 && !errors.Is(err, errDamaged) {
				t.Fatalf("length %d: for another message %v", n, err)
			}
		}
	}
}

func TestBadSealKey(t *testing.T) {
	_, err := Open(Options{Dir: t.TempDir(), Keys: [][]byte{testSealKey(1), []byte("too short")}})
	if err == nil || !strings.Contains(err.Error(), "key 2 has 9 bytes") || strings.Contains(err.Error(), "too short") {
		t.Errorf("got %v", err)
	}
}

// TestLearntSecretsMoveToTheNewKey: learnt secrets have no end, so that they do
// not hold on to a key for ever: not at a start, and not at a reload.
func TestLearntSecretsMoveToTheNewKey(t *testing.T) {
	dir := t.TempDir()
	open := func(keys ...byte) *Store {
		t.Helper()
		o := Options{Dir: dir}
		for _, n := range keys {
			o.Keys = append(o.Keys, testSealKey(n))
		}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	expect := func(s *Store, want ...string) {
		t.Helper()
		if got, err := s.Learnt(t.Context(), "one"); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	s := open()
	if err := s.Learn(t.Context(), "one", "alpha"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(1) // what was kept plain is sealed
	if err := s.Learn(t.Context(), "one", "beta"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open()
	if got, err := s.Learnt(t.Context(), "one"); !errors.Is(err, errNoKey) {
		t.Errorf("without the key: %q, %v", got, err)
	}
	s.Close()
	open(2, 1).Close()
	s = open(2)
	expect(s, "alpha", "beta")
	for _, keys := range [][][]byte{{testSealKey(3), testSealKey(2)}, {testSealKey(3)}} {
		if err := s.SetKeys(keys); err != nil {
			t.Fatal(err)
		}
	}
	expect(s, "alpha", "beta")
	s.Close()
}
