package refused

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookwicket/hookwicket/queue"
)

// Defaults and limits of a ring.
const (
	DefaultSize = 8 << 20            // bytes of memory
	DefaultAge  = 7 * 24 * time.Hour // then an entry is removed
	MinSize     = 256 << 10
	MaxSize     = 1 << 30

	bytesPerEntry = 32 << 10 // of the size; limits the number of entries, which is 256 by default
	maxEntries    = 4096

	perClient = 8  // entries of one client
	perReason = 32 // entries of one endpoint and reason
)

// Settings say how much a ring keeps.
type Settings struct {
	Off  bool
	Size int64         // bytes of memory
	Age  time.Duration // after which an entry is removed
	Disk *Disk         // nil: entries are in memory alone
}

// Ring keeps the refused requests that are most likely to matter, in bounded memory. It
// is safe for concurrent use.
//
// An entry that would exceed a limit takes the place of the entry with the lowest
// standing within that limit, the oldest first. It is not kept if its own standing is
// lower than all of these. The limits are the size of the ring, the number of entries,
// those of one client, and those of one endpoint and reason.
type Ring struct {
	mu        sync.Mutex
	settings  Settings
	entries   []*Entry // by ID, the oldest first; no two of them repeat each other
	bytes     int64    // of entries
	total     *rate.Limiter
	endpoints map[string]*rate.Limiter
	recent    map[kind]*recent
	disk      *disk // nil: entries are in memory alone
}

// kind is an endpoint and a reason. There are about as many as the configuration has
// endpoints, times the reasons.
type kind struct{ endpoint, reason string }

// New returns an empty ring.
func New(s Settings) *Ring {
	r := &Ring{total: newBucket(perSecond), endpoints: make(map[string]*rate.Limiter), recent: make(map[kind]*recent)}
	r.Configure(s, time.Now())
	return r
}

// Configure changes the settings. Entries that no longer fit are removed. One call runs
// at a time.
func (r *Ring) Configure(s Settings, now time.Time) {
	if s.Off {
		s.Disk = nil
	}
	same := r.leaveDisk(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settings = s
	if !same && s.Disk != nil {
		r.disk = openDisk(r, s)
	}
	if s.Off {
		r.entries, r.bytes = nil, 0
		clear(r.recent)
		return
	}
	r.expire(now)
	for len(r.entries) > 0 && r.over(0, 0) {
		r.remove(r.lowest(func(*Entry) bool { return true }))
	}
}

// most returns how many entries the ring may have.
func (r *Ring) most() int { return int(min(max(r.settings.Size/bytesPerEntry, 1), maxEntries)) }

// over reports whether so many more entries and bytes exceed the ring.
func (r *Ring) over(entries int, size int64) bool {
	return len(r.entries)+entries > r.most() || r.bytes+size > r.settings.Size
}

// Arrival is a refused request that is not copied yet.
type Arrival struct {
	Endpoint, Reason string
	Known            bool // the client had sent a genuine request before
	Size             int  // bytes of the body
}

// Admit counts a refused request and reports whether it may be put into the ring. The
// caller copies the request only then.
func (r *Ring) Admit(a Arrival, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settings.Off {
		return false
	}
	k := kind{a.Endpoint, a.Reason}
	if r.recent[k] == nil {
		r.recent[k] = new(recent)
	}
	r.recent[k].add(now)
	b := r.endpoints[a.Endpoint]
	if b == nil {
		b = newBucket(perEndpoint)
		r.endpoints[a.Endpoint] = b
	}
	if !a.spares(b, now) || !a.spares(r.total, now) {
		return false
	}
	return b.AllowN(now, a.cost()) && r.total.AllowN(now, a.cost())
}

// leave returns how many tokens of a bucket this request must leave to others. A flood of
// forged requests thereby leaves some to senders that the gateway has seen before.
func (a Arrival) leave(tokens float64) float64 {
	switch {
	case a.Known:
		return 0
	case RankOf(a.Reason) == rankSigned:
		return tokens / 4
	}
	return tokens / 2
}

// Off reports whether nothing is kept.
func (r *Ring) Off() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.settings.Off
}

// Recent returns how many requests to an endpoint were refused in the last hour, by
// reason, whether they were kept or not. Those that a person has accepted after all or
// cleared away do not count.
func (r *Ring) Recent(endpoint string, now time.Time) map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := make(map[string]int64)
	for k, c := range r.recent {
		if k.endpoint == endpoint {
			if n := c.sum(now); n > 0 {
				found[k.reason] = n
			}
		}
	}
	return found
}

// Put keeps an entry that was trimmed, and returns its ID. The ID of a repeated request
// is that of the entry that it repeats. The ring owns the entry from now on. It is not
// kept if there is no room for it.
func (r *Ring) Put(e *Entry) (id queue.ID, kept bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settings.Off || e.bytes > r.settings.Size {
		return id, false
	}
	now := e.Message.ReceivedAt
	r.expire(now)
	for _, old := range r.entries {
		if old.repeatedBy(e) {
			old.Times++
			old.Last = now
			return old.Message.ID, true
		}
	}
	if !r.makeRoom(e) {
		return id, false
	}
	e.Times, e.Last = 1, now
	at, _ := slices.BinarySearchFunc(r.entries, e.Message.ID, compareID)
	r.entries = slices.Insert(r.entries, at, e)
	r.bytes += e.bytes
	r.disk.keep(e)
	return e.Message.ID, true
}

// restore puts back an entry of an earlier process. Restored entries repeat none.
func (r *Ring) restore(rec record) {
	e := rec.Entry.entry()
	r.mu.Lock()
	defer r.mu.Unlock()
	if e == nil {
		if at, ok := slices.BinarySearchFunc(r.entries, rec.Settled, compareID); ok {
			r.entries[at].Accepted = rec.Accepted
		}
		return
	}
	if _, known := slices.BinarySearchFunc(r.entries, e.Message.ID, compareID); known || r.settings.Off {
		return
	}
	if e.bytes > r.settings.Size || !r.makeRoom(e) {
		return
	}
	e.Times, e.Last = 1, e.Message.ReceivedAt
	at, _ := slices.BinarySearchFunc(r.entries, e.Message.ID, compareID)
	r.entries = slices.Insert(r.entries, at, e)
	r.bytes += e.bytes
}

// Close writes the rest to the disk.
func (r *Ring) Close() { r.leaveDisk(Settings{}) }

// leaveDisk ends the writing unless the settings are the same. It holds no lock while it
// waits, since the disk may be reading into the ring.
func (r *Ring) leaveDisk(s Settings) (same bool) {
	r.mu.Lock()
	d := r.disk
	if same = d.same(s); !same {
		r.disk = nil
	}
	r.mu.Unlock()
	if !same {
		d.close()
	}
	return same
}

func compareID(e *Entry, id queue.ID) int { return bytes.Compare(e.Message.ID[:], id[:]) }

// repeatedBy reports whether another request is the same: to one endpoint, of one
// reason, client, target and body. A sender's retry may have other headers.
func (e *Entry) repeatedBy(other *Entry) bool {
	a, b := &e.Message, &other.Message
	return e.body == other.body && e.Size == other.Size && e.Client == other.Client && e.Reason == other.Reason &&
		e.Observed == other.Observed && a.Endpoint == b.Endpoint && a.Method == b.Method && a.URI == b.URI && a.ClientIP == b.ClientIP && e.Accepted == (queue.ID{})
}

// makeRoom removes entries until e fits. It removes none if e is not to be kept.
func (r *Ring) makeRoom(e *Entry) bool {
	var victims []*Entry
	kept := func(x *Entry) bool { return !slices.Contains(victims, x) }
	free := func(in func(*Entry) bool) bool {
		v := r.lowest(func(x *Entry) bool { return kept(x) && in(x) })
		if v == nil || v.standing() > e.standing() {
			return false
		}
		victims = append(victims, v)
		return true
	}
	for _, limit := range []struct {
		most int
		in   func(*Entry) bool
	}{
		{perClient, func(x *Entry) bool { return e.Client != netip.Addr{} && x.Client == e.Client }},
		{perReason, func(x *Entry) bool { return x.Message.Endpoint == e.Message.Endpoint && x.Reason == e.Reason }},
	} {
		n := 0
		for _, x := range r.entries {
			if kept(x) && limit.in(x) {
				n++
			}
		}
		if n >= limit.most && !free(limit.in) {
			return false
		}
	}
	for {
		size := e.bytes
		for _, v := range victims {
			size -= v.bytes
		}
		if !r.over(1-len(victims), size) {
			break
		}
		if !free(func(*Entry) bool { return true }) {
			return false
		}
	}
	for _, v := range victims {
		r.remove(v)
	}
	return true
}

// lowest returns the entry with the lowest standing, the oldest of several; nil: there
// is none.
func (r *Ring) lowest(in func(*Entry) bool) (found *Entry) {
	for _, e := range r.entries {
		if in(e) && (found == nil || e.standing() < found.standing()) {
			found = e
		}
	}
	return found
}

func (r *Ring) remove(e *Entry) {
	if at, ok := slices.BinarySearchFunc(r.entries, e.Message.ID, compareID); ok {
		r.entries = slices.Delete(r.entries, at, at+1)
		r.bytes -= e.bytes
	}
}

// expire removes entries that have not come again for longer than the age.
func (r *Ring) expire(now time.Time) {
	if r.settings.Age <= 0 {
		return
	}
	r.entries = slices.DeleteFunc(r.entries, func(e *Entry) bool {
		old := now.Sub(e.Last) > r.settings.Age
		if old {
			r.bytes -= e.bytes
		}
		return old
	})
}

// Filter selects entries. The zero filter selects all.
type Filter struct {
	Endpoint, Reason string
	Client           netip.Prefix
	Since            time.Time // received then or later
	Until            time.Time // received before
}

func (f Filter) selects(e *Entry) bool {
	m := &e.Message
	if f.Client.IsValid() {
		ip, err := netip.ParseAddr(m.ClientIP)
		if err != nil || !f.Client.Contains(ip.Unmap().WithZone("")) {
			return false
		}
	}
	return (f.Endpoint == "" || f.Endpoint == m.Endpoint) && (f.Reason == "" || f.Reason == e.Reason) &&
		(f.Since.IsZero() || !e.Last.Before(f.Since)) && (f.Until.IsZero() || m.ReceivedAt.Before(f.Until))
}

// List returns the selected entries, the newest first. The messages are shared and not
// to be changed.
func (r *Ring) List(f Filter, now time.Time) []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	var list []Entry
	for _, e := range r.entries {
		if f.selects(e) {
			list = append(list, *e)
		}
	}
	slices.Reverse(list)
	return list
}

// Get returns an entry.
func (r *Ring) Get(id queue.ID, now time.Time) (Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	at, ok := slices.BinarySearchFunc(r.entries, id, compareID)
	if !ok {
		return Entry{}, false
	}
	return *r.entries[at], true
}

// Settle notes the message that a refused request has become.
func (r *Ring) Settle(id, message queue.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := slices.BinarySearchFunc(r.entries, id, compareID); ok {
		e := r.entries[at]
		if c := r.recent[kind{e.Message.Endpoint, e.Reason}]; c != nil && e.Accepted == (queue.ID{}) {
			c.remove(int64(e.Times))
		}
		e.Accepted = message
		r.disk.settle(id, message)
	}
}

// Clear removes all entries and returns their number.
func (r *Ring) Clear() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.entries)
	r.entries, r.bytes = nil, 0
	clear(r.recent)
	r.disk.clear()
	return n
}

// Stats is how full a ring is.
type Stats struct {
	Off     bool
	Entries int
	Bytes   int64
	Size    int64 // limit on Bytes
}

// Stats returns how full the ring is.
func (r *Ring) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{Off: r.settings.Off, Entries: len(r.entries), Bytes: r.bytes, Size: r.settings.Size}
}

// Compare orders entries by their receipt.
func Compare(a, b Entry) int {
	return cmp.Or(a.Message.ReceivedAt.Compare(b.Message.ReceivedAt), bytes.Compare(a.Message.ID[:], b.Message.ID[:]))
}
