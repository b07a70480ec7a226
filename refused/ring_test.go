package refused

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

var start0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ringAt is a ring with a clock.
type ringAt struct {
	*Ring
	now time.Time
}

func newRing(s Settings) *ringAt {
	if s.Size == 0 {
		s.Size = DefaultSize
	}
	if s.Age == 0 {
		s.Age = DefaultAge
	}
	r := &ringAt{New(Settings{Off: true}), start0}
	r.Configure(s, r.now)
	return r
}

// request is a refused request of a test.
type request struct {
	endpoint, reason, ip, body string
	known                      bool
	header                     http.Header
}

func (r *ringAt) put(q request) (queue.ID, bool) {
	r.now = r.now.Add(time.Millisecond)
	e := &Entry{
		Message: queue.Message{
			ID: queue.NewID(r.now), ReceivedAt: r.now, Endpoint: q.endpoint, Method: "POST", URI: "/in",
			Header: q.header, Body: []byte(q.body), ClientIP: q.ip,
		},
		Reason: q.reason, Known: q.known, Size: -1,
	}
	if addr, err := netip.ParseAddr(q.ip); err == nil {
		e.Client = addr
	}
	e.Trim(true)
	return r.Put(e)
}

// flood puts n different requests, each of another client.
func (r *ringAt) flood(n int, q request) {
	for i := range n {
		q.body, q.ip = fmt.Sprint("flood ", i), fmt.Sprintf("198.%d.%d.%d", 18+i>>16, i>>8&255, i&255)
		r.put(q)
	}
}

const (
	wrong   = string(verifiers.WrongSignature)
	missing = string(verifiers.MissingSignature)
	broken  = string(verifiers.MalformedSignature)
)

// TestFlood: requests that anybody can make do not push out a request that carries a
// signature, nor one of a client that has sent genuine ones.
func TestFlood(t *testing.T) {
	for _, test := range []struct {
		name string
		flow request
		mine request
	}{
		{"without signatures", request{reason: missing}, request{reason: wrong}},
		{"malformed signatures", request{reason: broken}, request{reason: wrong}},
		{"well-formed signatures, at every endpoint", request{reason: wrong}, request{reason: wrong, known: true}},
		{"without signatures, one after another", request{reason: missing}, request{reason: broken}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRing(Settings{})
			test.mine.endpoint, test.mine.ip, test.mine.body = "stripe", "203.0.113.7", "the event"
			id, ok := r.put(test.mine)
			if !ok {
				t.Fatal("not kept")
			}
			for i := range 10 {
				test.flow.endpoint = []string{"stripe", "github", "shopify", "acme", "a", "b", "c", "d", "e", "f"}[i]
				r.flood(1000, test.flow) // 10,000 in all
			}
			if _, ok := r.Get(id, r.now); !ok {
				t.Error("the flood has pushed it out")
			}
			if s := r.Stats(); s.Entries > 256 || s.Entries < 100 || s.Bytes > s.Size {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestLimits: one client, and one endpoint and reason, have a limited number of entries,
// of which the newest remain.
func TestLimits(t *testing.T) {
	r := newRing(Settings{})
	for i := range 50 {
		r.put(request{endpoint: "stripe", reason: wrong, ip: "203.0.113.7", body: fmt.Sprint(i)})
	}
	list := r.List(Filter{}, r.now)
	if len(list) != perClient || string(list[0].Message.Body) != "49" || string(list[perClient-1].Message.Body) != "42" {
		t.Errorf("of one client: %d entries, the newest %q", len(list), list[0].Message.Body)
	}
	r.flood(100, request{endpoint: "stripe", reason: wrong})
	if n := len(r.List(Filter{Endpoint: "stripe", Reason: wrong}, r.now)); n != perReason {
		t.Errorf("of one endpoint and reason: %d", n)
	}
	// A client cannot replace its own signed requests by others.
	r.put(request{endpoint: "github", reason: wrong, ip: "2001:db8::1", body: "x"})
	for i := range 20 {
		r.put(request{endpoint: "github", reason: missing, ip: "2001:db8::1", body: fmt.Sprint(i)})
	}
	if n := len(r.List(Filter{Endpoint: "github", Reason: wrong}, r.now)); n != 1 {
		t.Error("its signed request is gone")
	}
	// Without an address there is no limit for a client.
	for i := range 20 {
		r.put(request{endpoint: "socket", reason: wrong, ip: "@", body: fmt.Sprint(i)})
	}
	if n := len(r.List(Filter{Endpoint: "socket"}, r.now)); n != 20 {
		t.Errorf("over a socket: %d", n)
	}
}

// TestBytes: large requests are bounded by their bytes, of which none is forgotten.
func TestBytes(t *testing.T) {
	r := newRing(Settings{Size: MinSize})
	body := strings.Repeat("x", MaxBody-10)
	for i := range 100 {
		r.put(request{endpoint: fmt.Sprint("e", i%7), reason: wrong, ip: fmt.Sprint("203.0.113.", i), body: body + fmt.Sprint(i)})
		if s := r.Stats(); s.Bytes > s.Size || s.Entries == 0 {
			t.Fatalf("%+v", s)
		}
	}
	sum := int64(0)
	for _, e := range r.List(Filter{}, r.now) {
		sum += e.bytes
	}
	if s := r.Stats(); s.Bytes != sum {
		t.Errorf("%d bytes are counted, and the entries have %d", s.Bytes, sum)
	}
	r.Configure(Settings{Size: 100 << 10, Age: DefaultAge}, r.now)
	if s := r.Stats(); s.Bytes > 100<<10 || s.Entries != 1 {
		t.Errorf("after it was made smaller: %+v", s)
	}
	if n := r.Clear(); n != 1 || r.Stats().Bytes != 0 {
		t.Errorf("cleared %d, %+v", n, r.Stats())
	}
}

func TestTrim(t *testing.T) {
	long := strings.Repeat("long ", MaxBody)
	e := Entry{Message: queue.Message{Body: []byte(long)}, Size: -1}
	e.Trim(true)
	if e.Cut != CutBody || len(e.Message.Body) != MaxStart || e.Size != int64(len(long)) || e.Digest != sha256.Sum256([]byte(long)) {
		t.Errorf("a long body: cut %d, %d of %d bytes", e.Cut, len(e.Message.Body), e.Size)
	}
	e = Entry{Message: queue.Message{Body: []byte("begun")}, Size: 1 << 20}
	e.Trim(false)
	if e.Cut != CutBody || string(e.Message.Body) != "begun" || e.Size != 1<<20 || e.Digest != [32]byte{} {
		t.Errorf("a body that was not read: %+v", e)
	}
	body := []byte("whole")
	e = Entry{Message: queue.Message{Body: body, Header: http.Header{"X": {strings.Repeat("y", MaxHeader)}}, URI: strings.Repeat("/", 5000)}, Size: -1}
	e.Trim(true)
	copy(body, "other")
	if e.Cut != CutHeader || e.Message.Header != nil || len(e.Message.URI) != MaxStart || string(e.Message.Body) != "whole" || e.size() > 4096 {
		t.Errorf("long headers: %d, %d bytes", e.Cut, e.size())
	}
}

// TestRepeats: a sender that retries takes one place.
func TestRepeats(t *testing.T) {
	r := newRing(Settings{})
	q := request{endpoint: "stripe", reason: wrong, ip: "203.0.113.7", body: "the event"}
	first, _ := r.put(q)
	for range 36 {
		q.header = http.Header{"Stripe-Signature": {r.now.String()}}
		if id, ok := r.put(q); id != first || !ok {
			t.Fatal("another ID")
		}
	}
	list := r.List(Filter{}, r.now)
	if len(list) != 1 || list[0].Times != 37 || !list[0].Last.Equal(r.now) {
		t.Fatalf("%+v", list)
	}
	for _, other := range []request{
		{"github", wrong, q.ip, q.body, false, nil}, {q.endpoint, broken, q.ip, q.body, false, nil},
		{q.endpoint, wrong, "203.0.113.8", q.body, false, nil}, {q.endpoint, wrong, q.ip, "another", false, nil},
	} {
		if id, _ := r.put(other); id == first {
			t.Errorf("%+v counts as a repetition", other)
		}
	}
	// After it was accepted, the same request is a new one, and what was accepted goes first.
	r.Settle(first, queue.NewID(r.now))
	if id, _ := r.put(q); id == first {
		t.Error("it repeats a request that was accepted")
	}
	for i := range perClient {
		r.put(request{endpoint: "stripe", reason: missing, ip: q.ip, body: fmt.Sprint(i)})
	}
	if _, ok := r.Get(first, r.now); ok {
		t.Error("the accepted one is still there")
	}
}

func TestAdmit(t *testing.T) {
	r := newRing(Settings{})
	admitted := func(a Arrival, tries int) (n int) {
		for range tries {
			if r.Admit(a, r.now) {
				n++
			}
		}
		return n
	}
	forged := Arrival{Endpoint: "stripe", Reason: wrong, Size: 100}
	if n := admitted(forged, 10_000); n != 15 {
		t.Errorf("%d forged requests at once", n)
	}
	if n := admitted(Arrival{Endpoint: "stripe", Reason: missing}, 100); n != 0 {
		t.Errorf("%d unsigned requests after them", n)
	}
	if n := admitted(Arrival{Endpoint: "stripe", Reason: wrong, Known: true}, 100); n != 5 {
		t.Errorf("%d requests of a known sender during the flood", n)
	}
	if n := admitted(Arrival{Endpoint: "github", Reason: wrong}, 100); n != 15 {
		t.Errorf("%d of another endpoint", n)
	}
	r.now = r.now.Add(time.Second)
	if n := admitted(forged, 10_000); n != 15 {
		t.Errorf("%d a second later", n)
	}
	all := 0
	for i := range 50 {
		all += admitted(Arrival{Endpoint: fmt.Sprint(i), Reason: wrong, Known: true}, 1000)
	}
	if all < perSecond-15 || all > perSecond {
		t.Errorf("%d of all endpoints", all)
	}
	// A body of ten megabytes has to be hashed.
	r.now = r.now.Add(time.Second)
	if n := admitted(Arrival{Endpoint: "stripe", Reason: wrong, Known: true, Size: 10 << 20}, 100); n != 2 {
		t.Errorf("%d large bodies", n)
	}
	if n := r.Recent("stripe", r.now)[wrong]; n != 2*10_000+100+100 {
		t.Errorf("%d in the last hour", n)
	}
}

func TestRecent(t *testing.T) {
	r := newRing(Settings{})
	for range 90 {
		r.Admit(Arrival{Endpoint: "stripe", Reason: wrong}, r.now)
		r.now = r.now.Add(time.Minute)
	}
	if n := r.Recent("stripe", r.now.Add(-time.Minute))[wrong]; n != 60 {
		t.Errorf("one a minute: %d", n)
	}
	if n := r.Recent("stripe", r.now.Add(30*time.Minute))[wrong]; n < 28 || n > 30 {
		t.Errorf("half an hour later: %d", n)
	}
	if left := r.Recent("stripe", r.now.Add(3*time.Hour)); len(left) != 0 {
		t.Errorf("hours later: %v", left)
	}
}

// TestRecentSettled: what a person has dealt with is no reason to look again.
func TestRecentSettled(t *testing.T) {
	r := newRing(Settings{})
	count := func() int64 { return r.Recent("stripe", r.now)[wrong] }
	arrive := func(body string) queue.ID {
		r.Admit(Arrival{Endpoint: "stripe", Reason: wrong}, r.now)
		id, _ := r.put(request{endpoint: "stripe", reason: wrong, body: body})
		return id
	}
	one := arrive("1")
	r.now = r.now.Add(time.Minute)
	arrive("1")
	arrive("2")
	if n := count(); n != 3 {
		t.Fatalf("%d were refused", n)
	}
	for range 2 {
		r.Settle(one, queue.NewID(r.now))
		if n := count(); n != 1 {
			t.Errorf("%d are left after the request that came twice was accepted", n)
		}
	}
	r.Clear()
	if n := count(); n != 0 {
		t.Errorf("%d are left after clear", n)
	}
	arrive("3")
	if n := count(); n != 1 {
		t.Errorf("%d after another one", n)
	}
}

func TestAgeAndOff(t *testing.T) {
	r := newRing(Settings{Age: time.Hour})
	id, _ := r.put(request{endpoint: "stripe", reason: wrong, ip: "203.0.113.7"})
	if _, ok := r.Get(id, r.now.Add(59*time.Minute)); !ok {
		t.Error("it is gone too early")
	}
	if _, ok := r.Get(id, r.now.Add(61*time.Minute)); ok || r.Stats().Bytes != 0 {
		t.Error("it is still there")
	}
	r.put(request{endpoint: "stripe", reason: wrong, ip: "203.0.113.7"})
	r.Configure(Settings{Off: true}, r.now)
	if len(r.List(Filter{}, r.now)) != 0 || r.Admit(Arrival{Endpoint: "stripe", Reason: wrong}, r.now) || !r.Off() {
		t.Error("off is not off")
	}
	if _, ok := r.put(request{endpoint: "stripe", reason: wrong}); ok {
		t.Error("it was kept")
	}
	if len(r.Recent("stripe", r.now)) != 0 {
		t.Error("it was counted")
	}
}

func TestFilter(t *testing.T) {
	r := newRing(Settings{})
	r.put(request{endpoint: "stripe", reason: wrong, ip: "203.0.113.7", body: "1"})
	from := r.now.Add(time.Millisecond)
	r.put(request{endpoint: "github", reason: missing, ip: "2001:db8::1", body: "2"})
	r.put(request{endpoint: "github", reason: wrong, ip: "::ffff:203.0.113.9", body: "3"})
	for want, f := range map[string]Filter{
		"321": {}, "32": {Endpoint: "github"}, "31": {Reason: wrong}, "3": {Endpoint: "github", Reason: wrong},
		"31 ": {Client: netip.MustParsePrefix("203.0.113.0/24")}, "2": {Client: netip.MustParsePrefix("2001:db8::/64")},
		"32 ": {Since: from}, "1": {Until: from},
	} {
		var got bytes.Buffer
		for _, e := range r.List(f, r.now) {
			got.Write(e.Message.Body)
		}
		if got.String() != strings.TrimSpace(want) {
			t.Errorf("%+v: %s, want %s", f, &got, want)
		}
	}
}

func TestRankOfEveryReason(t *testing.T) {
	for _, reason := range verifiers.Reasons {
		if rank := RankOf(string(reason)); rank < rankUnsigned || rank > rankSigned {
			t.Errorf("%s: %d", reason, rank)
		}
	}
}

// TestTogether: requests and people use the ring at the same time.
func TestTogether(t *testing.T) {
	r := New(Settings{Size: MinSize, Age: DefaultAge})
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			mine := &ringAt{r, start0}
			for j := range 100 {
				if r.Admit(Arrival{Endpoint: "stripe", Reason: wrong}, mine.now) {
					mine.put(request{endpoint: "stripe", reason: wrong, ip: fmt.Sprintf("203.0.%d.%d", i, j&255), body: fmt.Sprint(i, j)})
				}
				mine.now = mine.now.Add(100 * time.Millisecond)
				for _, e := range r.List(Filter{}, mine.now) {
					r.Settle(e.Message.ID, e.Message.ID)
					r.Get(e.Message.ID, mine.now)
				}
				if j%50 == 49 {
					r.Clear()
				}
				r.Recent("stripe", mine.now)
			}
		})
	}
	group.Wait()
	if s := r.Stats(); s.Bytes > s.Size {
		t.Errorf("%+v", s)
	}
}

func BenchmarkPut(b *testing.B) {
	r := newRing(Settings{})
	body := strings.Repeat("x", MaxBody-8)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.put(request{endpoint: "stripe", reason: wrong, ip: fmt.Sprintf("198.18.%d.%d", i>>8&255, i&255), body: body[:len(body)-i&7]})
	}
}
