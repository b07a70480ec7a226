package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

func keyOf(n byte) []byte { return bytes.Repeat([]byte{n}, KeySize) }

func recordOf(s *Seal, dst []byte, m *queue.Message) []byte {
	return s.Message(dst, m.ID, func(b []byte) []byte { return queue.AppendMessage(b, m) })
}

func testSeal(t *testing.T, keys ...byte) *Seal {
	t.Helper()
	var all [][]byte
	for _, n := range keys {
		all = append(all, keyOf(n))
	}
	s, err := New(all)
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
		k := newSealKey(keyOf(c.key))
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
	record := recordOf(one, []byte("before"), m)
	if !bytes.HasPrefix(record, []byte("before"+sealMark)) {
		t.Fatalf("begins with %x", record[:10])
	}
	record = record[len("before"):]
	for _, secret := range []string{"confidential", "Mallory", "4711"} {
		if bytes.Contains(record, []byte(secret)) {
			t.Errorf("%q stands in the sealed record", secret)
		}
	}
	if bytes.Equal(record, recordOf(one, nil, m)) {
		t.Error("the same record twice")
	}
	plain := recordOf(nil, nil, m)
	if extra := len(record) - len(plain); extra != one.Overhead() {
		t.Errorf("%d bytes of overhead, not %d", extra, one.Overhead())
	}
	short := record[:sealHead+3]
	flipped := bytes.Clone(record)
	flipped[len(flipped)-1] ^= 1
	for _, c := range []struct {
		name   string
		seal   *Seal
		id     queue.ID
		record []byte
		err    error
	}{
		{"its key", one, m.ID, record, nil},
		{"an old key", testSeal(t, 2, 1), m.ID, record, nil},
		{"plain, with a key", one, m.ID, plain, nil},
		{"plain, without", nil, m.ID, plain, nil},
		{"another key", testSeal(t, 2), m.ID, record, ErrNoKey},
		{"no key", nil, m.ID, record, ErrNoKey},
		{"keys taken away", testSeal(t), m.ID, record, ErrNoKey},
		{"in another's place", one, other, record, ErrDamaged},
		{"plain in another's place", one, other, plain, ErrDamaged},
		{"a bit changed", one, m.ID, flipped, ErrDamaged},
		{"cut", one, m.ID, short, ErrDamaged},
		{"nothing", one, m.ID, nil, queue.ErrDamaged},
	} {
		got, err := c.seal.OpenMessage(c.id, c.record)
		if !errors.Is(err, c.err) || (err == nil) != (got != nil) {
			t.Errorf("%s: got %v", c.name, err)
		}
		if got != nil && string(got.Body) != "confidential" {
			t.Errorf("%s: body %q", c.name, got.Body)
		}
		if err != nil && strings.Contains(err.Error(), hex.EncodeToString(keyOf(1)[:4])) {
			t.Errorf("%s: the error tells of the key: %v", c.name, err)
		}
	}
}
