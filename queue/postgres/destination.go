package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// destination is what this node knows of one destination.
type destination struct {
	store  *Store
	id     int32
	name   queue.Destination
	tenure atomic.Pointer[tenure] // nil: another node delivers, or none

	mu      sync.Mutex
	past    *tenure         // the last one; its claims may still be held
	others  counts          // as the owner has published them
	waiters []chan struct{} // calls of Claim while there is no tenure
}

// tenure is the time during which this node owns a destination. Its window has the waiting
// deliveries, and its lock guards the counts. A tenure that has ended is dropped with its
// window: the marks of its claims are void if the next owner has changed the delivery.
type tenure struct {
	*window.Window
	destination *destination
	epoch       int64
	context     context.Context // ends with the tenure
	end         context.CancelFunc
	leaving     bool                      // gives no claims any more
	claims      map[queue.ID]*claim       // of workers
	passed      map[queue.ID]window.Entry // arrived from the inbox while they were being accepted or changed
	taken       atomic.Int64              // when the ownership was committed, since processStart; 0: not yet
	operations  int                       // under way
	unparked    int64                     // value of Store.rings at which parked deliveries became due; of the goroutine unparks
	waits       map[queue.ID]bool         // while the tenure begins: claims of the last one whose deliveries still wait

	dead, bytes, retained int64
}

// processStart is the origin of times that goroutines exchange, by the monotonic clock.
var processStart = time.Now()

// takenBefore reports whether the tenure had begun in the database at a time.
func (t *tenure) takenBefore(at time.Time) bool {
	taken := t.taken.Load()
	return taken != 0 && taken < int64(at.Sub(processStart))
}

// enter begins an operation. It returns false after the end of the tenure. This node begins no
// other tenure of the destination before leave, since it would count what the operation changes.
func (t *tenure) enter() bool {
	t.Lock()
	defer t.Unlock()
	if t.destination.tenure.Load() != t {
		return false
	}
	t.operations++
	return true
}

func (t *tenure) leave() {
	t.Lock()
	defer t.Unlock()
	t.operations--
}

// counts are those of a destination, for Stats.
type counts struct {
	waiting, claimed, dead, bytes, retained int64
	oldest                                  time.Time
	paused                                  bool
	owned                                   bool  // by some node
	owner                                   int32 // the node in the tables, alive or not; 0: none
}

// counts returns the destination's: exact where this node owns it, else about a second old.
func (d *destination) counts() counts {
	if t := d.tenure.Load(); t != nil {
		t.Lock()
		defer t.Unlock()
		return t.countsLocked()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.others
}

func (t *tenure) countsLocked() counts {
	w := t.StatsLocked()
	return counts{
		waiting: w.Waiting, claimed: w.Claimed, dead: t.dead, bytes: t.bytes, retained: t.retained,
		oldest: w.Oldest, paused: w.Paused && !t.leaving, owned: true,
	}
}

// countLocked adds a delivery to the counts of its state, or removes it with sign -1.
func (t *tenure) countLocked(r *row, sign int64) {
	switch r.state {
	case waits:
		t.CountLocked(r.waiting(), sign)
		t.bytes += sign * r.size
	case dead:
		t.dead += sign
		t.bytes += sign * r.size
	case gone:
	default:
		t.retained += sign * r.size
	}
}

// The states of a delivery in the tables.
const (
	waits     int16 = iota
	delivered       // the first three as in queue
	dead
	cancelled
	unrouted
	gone // of a mark: the delivery is removed
)

var states = [...]queue.State{queue.StateWaiting, queue.StateDelivered, queue.StateDead, queue.StateCancelled, queue.StateUnrouted}

// The reasons of a removal in the table gone.
const (
	goneDelivered int16 = iota
	goneAged
	goneCrowded
	gonePurged
)

var reasons = [...]string{"delivered", "aged", "crowded", "purged"}

// row is a delivery as it is in the tables.
type row struct {
	message     queue.ID
	state       int16
	version     int32
	due, size   int64
	ord         *int64
	attempts    int32
	written     int32
	ended       int64
	redelivered int64
	last        []byte
}

const rowColumns = "d.message, d.state, d.version, d.due, d.size, d.ord, d.attempts, d.written, d.ended, d.redelivered, d.last"

func (r *row) fields() []any {
	return []any{(*uuid.UUID)(&r.message), &r.state, &r.version, &r.due, &r.size, &r.ord, &r.attempts, &r.written, &r.ended, &r.redelivered, &r.last}
}

func (r *row) waiting() window.Waiting {
	return window.Waiting{Position: window.Position{Due: r.due, ID: r.message}, Order: keyOf(r.ord)}
}

// keyOf and ordOf turn an order key into its column and back.
func keyOf(ord *int64) *window.OrderKey {
	if ord == nil {
		return nil
	}
	var k window.OrderKey
	binary.BigEndian.PutUint64(k[:], uint64(*ord))
	return &k
}

func ordOf(r queue.Route) *int64 {
	if !r.Ordered {
		return nil
	}
	k := window.OrderKeyOf(r.OrderRule, r.OrderKey)
	n := int64(binary.BigEndian.Uint64(k[:]))
	return &n
}

// destinationNamed returns a destination, and makes it known to the cluster if it is new.
func (s *Store) destinationNamed(ctx context.Context, name queue.Destination) (*destination, error) {
	s.mu.RLock()
	d := s.byName[name]
	s.mu.RUnlock()
	if d != nil {
		return d, nil
	}
	var id int32
	err := s.pool.QueryRow(ctx, s.sql(`with made as (insert into {s}.destination (name) values ($1) on conflict do nothing returning id)
		select id from made union all select id from {s}.destination where name = $1 limit 1`), name.String()).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) { // another transaction has just made it
		err = s.pool.QueryRow(ctx, s.sql("select id from {s}.destination where name = $1"), name.String()).Scan(&id)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	d = s.known(id, name)
	if s.mine(d) {
		if err := s.take(ctx, d); err != nil {
			return nil, unavailable(err)
		}
	} else {
		pokeIt(s.tell)
	}
	return d, nil
}

// known adds a destination of the cluster to those of this node.
func (s *Store) known(id int32, name queue.Destination) *destination {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.byID[id]
	if d == nil {
		d = &destination{store: s, id: id, name: name}
		s.byID[id], s.byName[name] = d, d
	}
	return d
}

// Scan implements [window.Index].
func (d *destination) Scan(from window.Position, n int) (found []window.Position, rest window.Position, err error) {
	s := d.store
	found, err = d.positions(s.sql(`select due, message from {s}.delivery where destination = $1 and state = 0 and ord is null and (due, message) >= ($2, $3)
		order by due, message limit $4`), d.id, from.Due, uuid.UUID(from.ID), n+1)
	rest = window.Last
	if len(found) > n {
		found, rest = found[:n], found[n]
	}
	return found, rest, err
}

// Search implements [window.Index].
func (d *destination) Search(order window.OrderKey, from queue.ID, n int) (found []window.Position, more bool, err error) {
	s := d.store
	found, err = d.positions(s.sql(`select due, message from {s}.delivery where destination = $1 and state = 0 and ord = $2 and message >= $3
		order by message limit $4`), d.id, int64(binary.BigEndian.Uint64(order[:])), uuid.UUID(from), n+1)
	if len(found) > n {
		found, more = found[:n], true
	}
	return found, more, err
}

func (d *destination) positions(sql string, args ...any) ([]window.Position, error) {
	rows, err := d.store.pool.Query(d.store.running, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (p window.Position, err error) {
		return p, r.Scan(&p.Due, (*uuid.UUID)(&p.ID))
	})
}

// Claim implements [queue.Store]. It waits while another node owns the destination.
func (s *Store) Claim(ctx context.Context, name queue.Destination) (queue.Claim, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if err := s.ready(); err != nil {
			return nil, err
		}
		d, err := s.destinationNamed(ctx, name)
		if err != nil {
			return nil, err
		}
		s.serve(name)
		t := d.tenure.Load()
		if t == nil {
			if err := d.await(ctx); err != nil {
				return nil, err
			}
			continue
		}
		c, err := s.claimIn(ctx, t)
		if c != nil || err != nil {
			return c, err
		}
	}
}

// serve notes that this node has workers for a destination.
func (s *Store) serve(name queue.Destination) {
	s.mu.RLock()
	known := s.serves[name]
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	s.serves[name] = true
	s.mu.Unlock()
	pokeIt(s.poke)
}

// await waits for a tenure, or until the store closes.
func (d *destination) await(ctx context.Context) error {
	d.mu.Lock()
	if d.tenure.Load() != nil || d.store.running.Err() != nil {
		d.mu.Unlock()
		return nil
	}
	w := make(chan struct{})
	d.waiters = append(d.waiters, w)
	d.mu.Unlock()
	select {
	case <-w:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wake lets all waiting calls look again.
func (d *destination) wake() {
	d.mu.Lock()
	for _, w := range d.waiters {
		close(w)
	}
	d.waiters = nil
	d.mu.Unlock()
	if t := d.tenure.Load(); t != nil {
		t.WakeAll()
	}
}

// claimIn claims the next delivery of a tenure. It returns neither claim nor error when it
// has to be called again, or when the tenure has ended.
func (s *Store) claimIn(ctx context.Context, t *tenure) (queue.Claim, error) {
	t.Lock()
	if err := ctx.Err(); err != nil {
		t.StirLocked() // this call may just have been woken: wake another
		t.Unlock()
		return nil, context.Cause(ctx)
	}
	if s.running.Err() != nil || t.destination.tenure.Load() != t {
		t.Unlock()
		return nil, nil
	}
	if read, err := t.FillLocked(t.destination); read {
		t.Unlock()
		if err != nil {
			return nil, unavailable(err)
		}
		return nil, nil
	}
	var c *claim
	_, message := t.NextLocked(s.now(), func() *window.Claim {
		c = newClaim(t)
		return &c.Claim
	})
	if c == nil {
		wait := t.WaitLocked()
		t.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			t.Lock()
			t.UnwaitLocked(wait)
			t.Unlock()
		}
		return nil, nil
	}
	t.claims[c.ID] = c
	t.Unlock()
	x, _ := message.(*freshMessage)
	ok, err := c.fill(x)
	if !ok || err != nil {
		return nil, err
	}
	return c, nil
}

// freshMessage is the message of a delivery that this node has accepted, until it is claimed.
type freshMessage struct {
	store  *Store
	record []byte
	row    row
	once   sync.Once
}

// Drop implements [window.Fresh].
func (f *freshMessage) Drop() { f.once.Do(func() { f.store.fresh.Give(len(f.record)) }) }

// fill completes a claim with its message. ok is false for a delivery that cannot be
// delivered now: it has changed since the window learnt of it, its message is damaged, which
// makes it a dead letter, or the message's key is missing, which parks it.
func (c *claim) fill(x *freshMessage) (ok bool, err error) {
	s, d := c.store, c.destination
	var record []byte
	if x != nil {
		x.Drop()
		c.row, record = x.row, x.record
	} else {
		fields := append(c.row.fields(), &record)
		err := s.pool.QueryRow(s.running, s.sql("select "+rowColumns+`, m.record from {s}.delivery d join {s}.message m on m.id = d.message
			where d.message = $1 and d.destination = $2`), uuid.UUID(c.ID), d.id).Scan(fields...)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			c.lose(nil)
			return false, nil
		case err != nil:
			return false, errors.Join(unavailable(err), c.Release())
		case c.row.state != waits || c.row.due != c.Due || (c.row.ord == nil) != (c.Order == nil):
			c.lose(&c.row)
			return false, nil
		}
	}
	m, err := s.seal.OpenMessage(c.ID, record)
	switch {
	case err == nil:
		last, _ := decodeAttempt(c.row.last, s.seal.For(c.ID)) // without its key it is not shown
		c.delivery = queue.Delivery{
			Message: m, Destination: d.name, Attempts: int(c.row.attempts), Last: last, Redelivered: fromNanos(c.row.redelivered),
		}
		return true, nil
	case errors.Is(err, seal.ErrNoKey):
		if s.keyless.Swap(s.now()) == 0 {
			pokeIt(s.poke) // for the warning
		}
		err = c.park()
	default:
		err = c.Bury(queue.Attempt{At: s.options.Now(), Error: "unreadable: " + err.Error()})
	}
	if err != nil { // the caller gets no claim, so it is released here
		err = errors.Join(err, c.Release())
	}
	if errors.Is(err, queue.ErrLost) {
		return false, nil
	}
	return false, err
}
