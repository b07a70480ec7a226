package postgres

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/window"
)

// acceptance is one call of Accept on its way to the database.
type acceptance struct {
	m      *queue.Message
	id     queue.Identity
	record []byte // as it is stored; nil: the message is not kept
	plain  []byte // its encoding, for the first attempt; nil: that reads the record
	size   int64
	parts  []part
	done   chan error
	answer *answer // that a sender waits for; nil: none
	phase  atomic.Int32

	verdict queue.Verdict
}

// The phases of an acceptance. It goes from queued to one of the others.
const (
	queued    int32 = iota
	taken           // in a batch: the call of Accept returns, and the batch goes on
	withdrawn       // the call of Accept has returned before
)

func (a *acceptance) bytes() int { return int(a.size) }

// withdraw takes back an acceptance that is in no batch yet, so that it needs no memory while the
// database is away.
func (a *acceptance) withdraw(why error) {
	if a.phase.CompareAndSwap(queued, withdrawn) {
		a.m, a.record, a.plain = nil, nil, nil
		a.done <- unsent{why}
	}
}

// part is one delivery of a message that is being accepted.
type part struct {
	destination *destination
	tenure      *tenure // in which Begin was called; nil: this node did not own the destination
	row         row
	hold        bool
	epoch       int64 // of this node's ownership when the delivery was written; 0: it is in the inbox
}

// Accept implements [queue.Store]. The call returns when ctx is done, but the statement is
// never cancelled: the database would commit locally what is not replicated yet.
func (s *Store) Accept(ctx context.Context, m *queue.Message, id queue.Identity, to ...queue.Route) (queue.Accepted, error) {
	if err := s.ready(); err != nil {
		return queue.Accepted{}, err
	}
	if err := s.safe(); err != nil {
		return queue.Accepted{}, err
	}
	if ctx.Err() != nil {
		return queue.Accepted{}, unavailable(context.Cause(ctx))
	}
	if m.ID == (queue.ID{}) {
		m.ID = queue.NewID(m.ReceivedAt)
	}
	a := &acceptance{m: m, id: id.Recorded(), done: make(chan error, 1)}
	if err := s.route(ctx, a, to); err != nil {
		return queue.Accepted{}, err
	}
	if limit := s.limit.Load(); len(to) > 0 && limit > 0 && s.backlog()+a.size > limit {
		v, err := s.Seen(ctx, id, m.ReceivedAt)
		if err == nil && !id.GoesOn(v) {
			return queue.Accepted{Verdict: v}, nil
		}
		return queue.Accepted{}, errors.Join(queue.ErrFull, err)
	}
	for i := range a.parts {
		a.parts[i].begin()
	}
	s.expect(a)
	select {
	case s.accepts <- a:
	case <-ctx.Done():
		a.settle(context.Cause(ctx), nil)
		a.answer.end()
		return queue.Accepted{}, unavailable(context.Cause(ctx))
	case <-s.running.Done():
		a.settle(errClosed, nil)
		a.answer.end()
		return queue.Accepted{}, unavailable(errClosed)
	}
	result := make(chan settled, 1)
	go func() { result <- s.finish(a) }()
	select {
	case r := <-result:
		accepted := queue.Accepted{Verdict: a.verdict, Held: r.held()}
		if r.err == nil && r.claim == nil && a.asks() {
			accepted.Answer = a.answer.wait
		} else {
			a.answer.end()
		}
		return accepted, r.err
	case <-ctx.Done():
		a.answer.end()
		a.withdraw(context.Cause(ctx))
		go func() { // a claim for somebody who has left goes back
			if r := <-result; r.claim != nil {
				_ = r.claim.Release()
			}
		}()
		return queue.Accepted{}, unavailable(context.Cause(ctx))
	}
}

// settled is the outcome of an acceptance.
type settled struct {
	claim *claim // of the route with Hold
	err   error
}

func (r settled) held() queue.Claim {
	if r.claim == nil {
		return nil
	}
	return r.claim
}

// finish waits for the outcome of the batch and brings it into memory.
func (s *Store) finish(a *acceptance) settled {
	var err error
	select {
	case err = <-a.done:
	case <-s.running.Done():
		select {
		case err = <-a.done:
		default:
			return settled{err: unavailable(errClosed)}
		}
	}
	if err == nil {
		kept := a.id.GoesOn(a.verdict)
		return settled{claim: a.settle(nil, &kept)}
	}
	if undone(err) {
		a.settle(err, nil)
	} else {
		go s.resolve(a)
	}
	return settled{err: unavailable(err)}
}

// route makes the deliveries of a message. A message without a route is kept as unrouted
// for the retention of its endpoint, and not at all without one.
func (s *Store) route(ctx context.Context, a *acceptance, to []queue.Route) error {
	m, now := a.m, s.now()
	plain := row{message: m.ID, due: min(window.Nanos(m.ReceivedAt), now)}
	if len(to) == 0 {
		name := queue.Destination{Endpoint: m.Endpoint}
		if s.retention(name) <= 0 {
			return nil
		}
		d, err := s.destinationNamed(ctx, name)
		if err != nil {
			return err
		}
		plain.state, plain.ended = unrouted, now
		a.parts = []part{{destination: d, row: plain}}
	}
	for i, r := range to {
		if slices.ContainsFunc(to[:i], func(o queue.Route) bool { return o.Destination == r.Destination }) {
			continue // a destination gets one delivery
		}
		d, err := s.destinationNamed(ctx, r.Destination)
		if err != nil {
			return err
		}
		p := part{destination: d, row: plain, hold: r.Hold}
		p.row.ord = ordOf(r)
		a.parts = append(a.parts, p)
	}
	s.encode(a)
	a.size = int64(len(a.record))
	for i := range a.parts {
		a.parts[i].row.size = share(a.size, i, len(a.parts))
	}
	return nil
}

// largeMessage is from how many bytes of body on a message is not kept in memory for its
// first attempt.
const largeMessage = 1 << 20

// encode makes the record of a message. A large message that is sealed exists once in memory.
func (s *Store) encode(a *acceptance) {
	encoded := func(b []byte) []byte { return queue.AppendMessage(b, a.m) }
	if len(a.m.Body) < largeMessage || slices.ContainsFunc(a.parts, func(p part) bool { return p.hold }) {
		a.plain = encoded(make([]byte, 0, queue.EncodedSize(a.m)))
		encoded = func(b []byte) []byte { return append(b, a.plain...) }
	}
	if a.plain != nil && s.seal.Overhead() == 0 {
		a.record = a.plain
		return
	}
	a.record = s.seal.Message(make([]byte, 0, queue.EncodedSize(a.m)+s.seal.Overhead()), a.m.ID, encoded)
}

// share returns the bytes of a message that its ith delivery of n has.
func share(size int64, i, n int) int64 {
	if i == 0 {
		return size/int64(n) + size%int64(n)
	}
	return size / int64(n)
}

// begin notes a waiting delivery in the window that gets it, so that scans pass over it.
func (p *part) begin() {
	if p.tenure = p.destination.tenure.Load(); p.tenure != nil && p.row.state == waits {
		p.tenure.Begin(p.row.message)
	}
}

// settle brings the outcome into memory. kept is nil where the database did nothing.
func (a *acceptance) settle(err error, kept *bool) (held *claim) {
	written := err == nil && kept != nil && *kept
	for i := range a.parts {
		p := &a.parts[i]
		t := p.destination.tenure.Load()
		if p.tenure != nil && p.row.state == waits && (!written || t != p.tenure || t.epoch != p.epoch) {
			p.tenure.Lock()
			p.tenure.abandonLocked(p.row.message)
			p.tenure.Unlock()
		}
		if !written || t == nil || t.epoch != p.epoch {
			continue // not there, or the owner reads it, or has read it with the backlog
		}
		t.Lock()
		switch {
		case p.row.state != waits:
			t.countLocked(&p.row, 1)
		case t != p.tenure:
			t.admitLocked(&p.row, false)
		default:
			if c := a.acceptedLocked(p, held == nil); c != nil {
				held = c
			}
		}
		t.Unlock()
	}
	return held
}

// acceptedLocked gives a delivery to the window in which it began. With hold it is claimed at once.
func (a *acceptance) acceptedLocked(p *part, hold bool) *claim {
	s, t := p.destination.store, p.tenure
	t.bytes += p.row.size
	e := window.Entry{Waiting: p.row.waiting()}
	if p.hold && hold && !t.leaving {
		c := newClaim(t)
		c.row = p.row
		if t.AcceptedLocked(e, &c.Claim, nil) {
			t.claims[c.ID] = c
			m, err := queue.DecodeMessage(a.plain)
			if err == nil {
				c.delivery = queue.Delivery{Message: m, Destination: p.destination.name}
				return c
			}
		}
		return nil
	}
	if a.plain != nil && len(a.plain) < largeMessage && s.fresh.Take(len(a.plain)) {
		e.Fresh = &freshMessage{store: s, record: a.plain, row: p.row}
	}
	t.AcceptedLocked(e, nil, nil)
	return nil
}

// admitLocked gives a delivery to the window that was visible before the window heard of it: a
// scan may have found it already, and an attempt may be under way or over. A claim of one that
// is over finds that out; see claim.fill. With hold it is claimed at once if it can be.
func (t *tenure) admitLocked(r *row, hold bool) (held *claim) {
	if hold {
		held = newClaim(t)
	}
	t.countLocked(&row{message: r.message, size: r.size, due: r.due, ord: r.ord}, 1)
	switch c, busy := t.HolderLocked(r.message); {
	case !busy && hold && t.TakeLocked(&held.Claim, r.waiting()):
		t.claims[held.ID] = held
		return held
	case !busy:
		t.InsertLocked(window.Entry{Waiting: r.waiting()})
	case c == nil: // this node's acceptance has not heard yet that it went through the inbox
		t.passed[r.message] = window.Entry{Waiting: r.waiting()}
	}
	return nil
}

// abandonLocked ends what Begin began, for a delivery that the acceptance or operation does
// not bring into memory itself.
func (t *tenure) abandonLocked(id queue.ID) {
	t.AbandonLocked(id)
	if e, ok := t.passed[id]; ok {
		delete(t.passed, id)
		t.InsertLocked(e)
	}
}

func column(k queue.Key) *uuid.UUID {
	if k == (queue.Key{}) {
		return nil
	}
	u := uuid.UUID(k)
	return &u
}

// writeAccepts writes a batch of acceptances in one transaction.
func (s *Store) writeAccepts(batch []*acceptance) {
	batch = slices.DeleteFunc(batch, func(a *acceptance) bool { return !a.phase.CompareAndSwap(queued, taken) })
	n := len(batch)
	if n == 0 {
		return
	}
	var (
		keys, digests            = make([]*uuid.UUID, n), make([]*uuid.UUID, n)
		refuse                   = make([]bool, n)
		at, span, size           = make([]int64, n), make([]int64, n), make([]int64, n)
		ids                      = make([]uuid.UUID, n)
		endpoints, events, types = make([]string, n), make([]string, n), make([]string, n)
		records                  = make([][]byte, n)
		of, destinations         []int32
		state                    []int16
		due, sizes, endedAt      []int64
		ord                      []*int64
		asks                     []bool
		now                      int64 = math.MaxInt64
	)
	for i, a := range batch {
		keys[i], digests[i], refuse[i] = column(a.id.Key), column(a.id.Digest), a.id.RefuseReplays
		at[i], span[i] = window.Nanos(a.m.ReceivedAt), int64(a.id.Window)
		ids[i], endpoints[i], events[i], types[i] = uuid.UUID(a.m.ID), text(a.m.Endpoint), text(a.m.EventID), text(a.m.EventType)
		size[i], records[i] = a.size, a.record
		now = min(now, at[i])
		awaited := a.awaited()
		for j := range a.parts {
			p := &a.parts[j]
			of, destinations, state = append(of, int32(i+1)), append(destinations, p.destination.id), append(state, p.row.state)
			due, sizes, endedAt, ord = append(due, p.row.due), append(sizes, p.row.size), append(endedAt, p.row.ended), append(ord, p.row.ord)
			asks = append(asks, p == awaited)
		}
	}
	s.mu.RLock()
	node := s.node
	s.mu.RUnlock()
	var verdicts []int16
	var mine []int64
	began := time.Now()
	err := s.durably(func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, s.sql("select * from {s}.accept_1($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22)"),
			s.class, node, now, keys, digests, refuse, at, span, ids, endpoints, events, types, size, records,
			of, destinations, state, due, sizes, ord, endedAt, asks).Scan(&verdicts, &mine)
	})
	s.note(err)
	if err == nil {
		s.committed(n, time.Since(began))
	}
	foreign := false
	j := 0
	for i, a := range batch {
		if err == nil {
			a.verdict = queue.Verdict(verdicts[i])
			for k := range a.parts {
				a.parts[k].epoch = mine[j+k]
				foreign = foreign || mine[j+k] == 0
			}
		}
		j += len(a.parts)
		a.done <- err
	}
	if foreign {
		pokeIt(s.tell)
	}
}

// committed notes how long a batch of acceptances took.
func (s *Store) committed(events int, took time.Duration) {
	if before := s.commit.Load(); before > 0 {
		s.commit.Store((7*before + int64(took)) / 8)
	} else {
		s.commit.Store(int64(took))
	}
	if s.options.Committed != nil {
		s.options.Committed(events, took)
	}
}

// resolve finds out what became of an acceptance whose outcome is not known, as the connection
// broke. The transaction may still be running in the database; it holds a lock on its
// destinations until its end. Nobody waits for the claim of a route with Hold any more.
func (s *Store) resolve(a *acceptance) {
	a.m, a.record, a.plain = &queue.Message{ID: a.m.ID}, nil, nil // the database may be away for long
	for i := range a.parts {
		a.parts[i].hold = false
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		found, err := s.find(a)
		if err == nil {
			a.settle(nil, &found)
			return
		}
		select {
		case <-s.running.Done():
			return
		case <-time.After(pause):
		}
	}
}

// find looks whether the message of an acceptance was written, once its transaction is over.
func (s *Store) find(a *acceptance) (found bool, err error) {
	ids := make([]int32, 0, len(a.parts))
	for i := range a.parts {
		ids = append(ids, a.parts[i].destination.id)
	}
	slices.Sort(ids)
	err = pgx.BeginFunc(s.running, s.pool, func(tx pgx.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(s.running, "select pg_advisory_xact_lock($1, $2)", s.class, id); err != nil {
				return err
			}
		}
		if err := tx.QueryRow(s.running, s.sql("select exists (select from {s}.message where id = $1)"), uuid.UUID(a.m.ID)).Scan(&found); err != nil || !found {
			return err
		}
		for i := range a.parts {
			p := &a.parts[i]
			err := tx.QueryRow(s.running, s.sql(`select case when owner = $2 and not exists (select from {s}.inbox where destination = $1 and message = $3) then epoch else 0 end
				from {s}.destination where id = $1`), p.destination.id, s.node, uuid.UUID(a.m.ID)).Scan(&p.epoch)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}
