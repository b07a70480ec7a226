package caddymodule

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// errNoRoom: too many requests are in memory. The sender did nothing wrong.
var errNoRoom = errors.New("requests in memory have reached max_in_flight")

// errNoRoomHere: too many of them are this endpoint's.
var errNoRoomHere = fmt.Errorf("%w of this endpoint", errNoRoom)

// How the memory of max_in_flight is shared. The less is free, the less a single
// client or endpoint may hold.
//
//   - Three quarters are common. One client may hold as much as is free there, which
//     is half if it is the only one. One endpoint may hold four times as much as is
//     free. With a well-formed signature, both limits are four times larger.
//   - One quarter is reserved for endpoints that had genuine traffic lately, in equal
//     shares. Only requests with a well-formed signature may use it. Clients that have
//     not sent a genuine request get half of a share, and half of the quarter together.
//   - A verified request, and one that is alone in memory, may use all of it.
const (
	reserved      = 4               // 1/reserved of the memory is not common
	perEndpoint   = 4               // how much more an endpoint may hold than a client
	wellFormed    = 4               // how much more a plausible request may hold
	leastShare    = 1 << 20         // of an endpoint, where the reserve is large enough
	genuineWindow = time.Hour       // for how long an endpoint counts as one with genuine traffic
	knownWindow   = 24 * time.Hour  // for how long a client does
	recountPause  = 2 * time.Second // between two counts of endpoints with genuine traffic
)

// room counts the memory of requests, by client and by endpoint. The zero room is
// empty.
type room struct {
	limit     atomic.Int64 // max_in_flight of the active configuration
	total     atomic.Int64 // bytes
	reserve   atomic.Int64 // of these, taken from the reserve
	clients   clients
	endpoints sync.Map     // name to *tenant
	proven    atomic.Int64 // how many endpoints had genuine traffic lately
	counted   atomic.Int64 // when they were counted, in nanoseconds
	line      line         // the requests that wait for memory
}

// tenant counts the bytes that the requests of one endpoint hold.
type tenant struct {
	room           *room
	total, reserve atomic.Int64
	genuine        atomic.Int64 // when a request was last verified, in seconds; 0: never
}

// endpoint returns the tenant of a name.
func (r *room) endpoint(name string) *tenant {
	if t, ok := r.endpoints.Load(name); ok {
		return t.(*tenant)
	}
	t, _ := r.endpoints.LoadOrStore(name, &tenant{room: r})
	return t.(*tenant)
}

// share returns how much of a reserve one endpoint with genuine traffic may hold.
func (r *room) share(reserve int64) int64 {
	now := time.Now()
	last := r.counted.Load()
	if now.UnixNano()-last > int64(recountPause) && r.counted.CompareAndSwap(last, now.UnixNano()) {
		n := int64(0)
		r.endpoints.Range(func(_, t any) bool {
			if t.(*tenant).proven(now) {
				n++
			}
			return true
		})
		r.proven.Store(n)
	}
	return max(reserve/max(r.proven.Load(), 1), min(reserve/4, leastShare))
}

func (t *tenant) proven(now time.Time) bool {
	return now.Unix()-t.genuine.Load() < int64(genuineWindow/time.Second)
}

// asker says whether a request carries a well-formed signature.
type asker interface{ plausible() bool }

// memory counts the bytes that one request holds of a room. One goroutine uses it at
// a time.
type memory struct {
	room     *room
	limit    int64
	tenant   *tenant
	ownLimit int64         // of the endpoint; 0: it has none of its own
	client   *client       // nil: it has no IP address
	patience time.Time     // until when the request may wait
	asker    asker         // asked when room is short
	answered int8          // of asker: 0 not yet asked, 1 yes, -1 no
	verified bool          // the request is genuine
	waited   time.Duration // in the line

	held    int64 // bytes, in all
	reserve int64 // of these, from the reserve
}

// take counts n more bytes. If it fails, it counts none of them.
func (m *memory) take(n int64) error {
	total, own := m.room.total.Add(n), m.tenant.total.Add(n)
	theirs := int64(0)
	if m.client != nil {
		theirs = m.client.total.Add(n)
	}
	err := errNoRoom
	switch {
	case m.ownLimit > 0 && own > m.ownLimit:
		err = errNoRoomHere
	case total > m.limit:
	case m.verified, total-n == m.held, m.common(total, max((own-m.tenant.reserve.Load())/perEndpoint, theirs)):
		m.held += n
		return nil
	case m.guaranteed(n):
		m.held += n
		m.reserve += n
		return nil
	}
	m.undo(n)
	return err
}

// common reports whether a client may hold so much of the common part.
func (m *memory) common(total, theirs int64) bool {
	free := m.limit - m.limit/reserved - (total - m.room.reserve.Load())
	if free < 0 {
		return false
	}
	return theirs <= free || theirs <= wellFormed*free && m.wellFormed()
}

// guaranteed takes from the endpoint's share of the reserve.
func (m *memory) guaranteed(n int64) bool {
	if !m.tenant.proven(time.Now()) || !m.wellFormed() {
		return false
	}
	reserve := m.limit / reserved
	share := m.room.share(reserve)
	if !m.client.known() {
		share, reserve = share/2, reserve/2
	}
	if m.tenant.reserve.Add(n) <= share {
		if m.room.reserve.Add(n) <= reserve {
			return true
		}
		m.room.reserve.Add(-n)
	}
	m.tenant.reserve.Add(-n)
	return false
}

func (m *memory) wellFormed() bool {
	if m.answered == 0 {
		m.answered = -1
		if m.asker == nil || m.asker.plausible() {
			m.answered = 1
		}
	}
	return m.verified || m.answered > 0
}

// give counts n bytes less and notifies the waiting requests.
func (m *memory) give(n int64) {
	if n == 0 {
		return
	}
	m.held -= n
	if r := min(n, m.reserve); r > 0 {
		m.reserve -= r
		m.room.reserve.Add(-r)
		m.tenant.reserve.Add(-r)
	}
	m.undo(n)
	m.room.line.ring()
}

func (m *memory) undo(n int64) {
	m.room.total.Add(-n)
	m.tenant.total.Add(-n)
	if m.client != nil {
		m.client.total.Add(-n)
	}
}

// grow counts n more bytes. A request with a well-formed signature waits for them, at
// most until its patience ends. Meanwhile it keeps its memory.
func (m *memory) grow(n int64) error {
	err := m.take(n)
	if err == nil || m.patience.IsZero() || !m.wellFormed() {
		return err
	}
	began := time.Now()
	err = m.room.line.wait(waiter{m.client.key(), m.verified || m.client.known()}, m.patience, func() error { return m.take(n) })
	m.waited += time.Since(began)
	return err
}

// genuine notes that the request was verified.
func (m *memory) genuine(now time.Time) {
	m.verified = true
	if seconds := now.Unix(); m.tenant.genuine.Load() < seconds {
		m.tenant.genuine.Store(seconds)
	}
	m.client.prove(now)
}

// release gives back all memory of the request.
func (m *memory) release() {
	m.give(m.held)
	m.client.leave()
	m.client = nil
}

// clients has the clients with requests in memory, and others whose requests were
// verified lately. Each part has its own lock; the address selects the part.
type clients [64]struct {
	mu    sync.Mutex
	of    map[netip.Addr]*client
	sweep int // at how many the idle ones are removed
}

// leastSweep is how many known clients without requests a part keeps.
const leastSweep = 256

// client is an IPv4 address or an IPv6 network of 64 bits. A nil client has no IP
// address, as behind a Unix socket.
type client struct {
	addr   netip.Addr
	total  atomic.Int64 // bytes that its requests hold
	proven atomic.Int64 // when a request was last verified, in seconds; 0: never
	users  atomic.Int64 // requests
}

var seed = maphash.MakeSeed()

// enter returns the client of an address. Call its leave when the request ends.
func (c *clients) enter(addr netip.Addr) *client {
	if !addr.IsValid() {
		return nil
	}
	part := &c[maphash.Comparable(seed, addr)%uint64(len(c))]
	part.mu.Lock()
	defer part.mu.Unlock()
	one := part.of[addr]
	if one == nil {
		if part.of == nil {
			part.of, part.sweep = make(map[netip.Addr]*client), 2*leastSweep
		}
		if len(part.of) >= part.sweep {
			known := 0
			for a, idle := range part.of {
				if idle.users.Load() > 0 {
					continue
				}
				if idle.known() && known < leastSweep {
					known++
				} else {
					delete(part.of, a)
				}
			}
			part.sweep = 2 * max(leastSweep, len(part.of))
		}
		one = &client{addr: addr}
		part.of[addr] = one
	}
	one.users.Add(1)
	return one
}

func (c *client) leave() {
	if c != nil {
		c.users.Add(-1)
	}
}

// known reports whether one of its requests was verified lately.
func (c *client) known() bool {
	return c == nil || time.Now().Unix()-c.proven.Load() < int64(knownWindow/time.Second)
}

func (c *client) prove(now time.Time) {
	if c == nil {
		return
	}
	if seconds := now.Unix(); c.proven.Load() < seconds {
		c.proven.Store(seconds)
	}
}

func (c *client) key() (a netip.Addr) {
	if c != nil {
		a = c.addr
	}
	return a
}

// network returns the address that counts as one client: an IPv4 address, or the
// first 64 bits of an IPv6 address, which a provider gives to one customer. It is
// invalid for other texts.
func network(ip string) netip.Addr {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		port, err := netip.ParseAddrPort(ip)
		if err != nil {
			return netip.Addr{}
		}
		addr = port.Addr()
	}
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return prefix.Addr()
}
