package queue

import (
	"bytes"
	"errors"
	"net/http"
	"reflect"
	"testing"
	"time"
)

func sample() *Message {
	received := time.Date(2026, 11, 22, 1, 2, 3, 456789012, time.UTC)
	return &Message{
		ID: NewID(received), ReceivedAt: received, Endpoint: "stripe", Provider: "stripe", EventID: "evt_1", EventType: "invoice.paid",
		Timestamp: received.Add(-time.Second), Signed: "id body", Method: "POST", URI: "/stripe?a=%20b", Host: "example.com", Proto: "HTTP/1.1",
		RemoteAddr: "192.0.2.1:1", ClientIP: "2001:db8::1", TLS: true, TrustedProxy: true,
		Header: http.Header{"A": {"1", "2"}, "B": {""}, "C": {}}, Body: []byte("{\"a\":1}\x00\xff"),
	}
}

func TestCodec(t *testing.T) {
	empty := &Message{ReceivedAt: time.Unix(0, 0).UTC(), Body: []byte{}}
	old := sample()
	old.Timestamp = time.Date(1, 2, 3, 4, 5, 6, 7, time.UTC) // no 64 bits of nanoseconds hold it
	plain := sample()
	plain.Signed = "" // as in records from before there was such a field
	for _, m := range []*Message{sample(), empty, old, plain} {
		b := AppendMessage([]byte("before"), m)[len("before"):]
		if limit := EncodedSize(m); len(b) > limit {
			t.Errorf("%d bytes, said to be at most %d", len(b), limit)
		}
		got, err := DecodeMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("got  %+v\nwant %+v", got, m)
		}
	}
}

func TestDamagedMessages(t *testing.T) {
	b := AppendMessage(nil, sample())
	head := len(b) - len(sample().Body)
	for n := range head {
		if _, err := DecodeMessage(b[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	other := bytes.Clone(b)
	other[0]++
	if _, err := DecodeMessage(other); !errors.Is(err, ErrDamaged) {
		t.Errorf("another version: %v", err)
	}
}

// FuzzDecodeMessage looks for panics, for allocations that the input does not
// justify, and for records that read otherwise than they were written.
func FuzzDecodeMessage(f *testing.F) {
	f.Add(AppendMessage(nil, sample()))
	f.Add(AppendMessage(nil, &Message{}))
	f.Add([]byte{1, 0, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMessage(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		again, err := DecodeMessage(AppendMessage(nil, m))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%v: %+v became %+v", err, m, again)
		}
	})
}

func TestNewID(t *testing.T) {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seen := make(map[ID]bool)
	var last ID
	for i := range 1000 {
		at := base.Add(time.Duration(i) * time.Microsecond)
		id := NewID(at)
		if id.Version() != 7 || id.Variant().String() != "RFC4122" {
			t.Fatalf("%v: version %v, variant %v", id, id.Version(), id.Variant())
		}
		sec, nsec := id.Time().UnixTime()
		if got := time.Unix(sec, nsec); !got.Equal(at.Truncate(time.Millisecond)) {
			t.Fatalf("%v says %v, not %v", id, got, at)
		}
		if seen[id] || bytes.Compare(id[:], last[:]) <= 0 {
			t.Fatalf("%v after %v", id, last)
		}
		seen[id], last = true, id
	}
}

func BenchmarkNewID(b *testing.B) {
	now := time.Now()
	for b.Loop() {
		NewID(now)
	}
}

func BenchmarkDecode(b *testing.B) {
	m := sample()
	m.Body = make([]byte, 1500)
	rec := AppendMessage(nil, m)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeMessage(rec); err != nil {
			b.Fatal(err)
		}
	}
}
