package postgres

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/window"
)

// place is where a page of a list ends.
type place struct {
	List        string    `json:"l"`
	At          int64     `json:"t,omitempty"` // due or ended
	Message     uuid.UUID `json:"m"`
	Destination int32     `json:"d,omitempty"`
}

func (p place) cursor() queue.Cursor {
	b, _ := json.Marshal(p) // plain data
	return queue.Cursor(base64.RawURLEncoding.EncodeToString(b))
}

func placeOf(c queue.Cursor, list string) (p place, err error) {
	b, err := base64.RawURLEncoding.DecodeString(string(c))
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil || p.List != list {
		return p, queue.ErrCursor
	}
	return p, nil
}

// query is a statement under construction.
type query struct {
	where []string
	args  []any
}

// and adds a condition. Each ? stands for the next argument.
func (q *query) and(condition string, args ...any) {
	for _, a := range args {
		q.args = append(q.args, a)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(q.args)), 1)
	}
	q.where = append(q.where, condition)
}

func (q *query) String() string {
	if len(q.where) == 0 {
		return "true"
	}
	return strings.Join(q.where, " and ")
}

// firstID is before the ID of every message received at t or later, and behind the others.
func firstID(t time.Time) uuid.UUID {
	id := queue.NewID(time.Unix(0, window.Nanos(t)))
	clear(id[8:])
	return uuid.UUID(id)
}

// receivedAt is the time of receipt, as exact as it is in the ID.
func receivedAt(id queue.ID) time.Time {
	milli := int64(binary.BigEndian.Uint64(id[:8]) >> 16)
	sub := int64(binary.BigEndian.Uint16(id[6:])&0xfff) * int64(time.Millisecond) >> 12
	return time.Unix(0, milli*int64(time.Millisecond)+sub).UTC()
}

var likeEscapes = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`, "*", "%")

// messages adds the conditions of a filter on messages.
func (q *query) messages(f *queue.Filter) {
	if f.Endpoint != "" {
		q.and("m.endpoint = ?", text(f.Endpoint))
	}
	if f.EventType != "" {
		q.and("m.event_type like ?", likeEscapes.Replace(text(f.EventType)))
	}
	if f.EventID != "" {
		q.and("m.event_id = ?", text(f.EventID))
	}
	if !f.Since.IsZero() {
		q.and("m.id >= ?", firstID(f.Since))
	}
	if !f.Until.IsZero() {
		q.and("m.id < ?", firstID(f.Until))
	}
}

// deliveries adds those on deliveries.
func (q *query) deliveries(f *queue.Filter) {
	if f.Destination != (queue.Destination{}) {
		q.and("x.name = ?", text(f.Destination.String()))
	}
	if len(f.States) > 0 {
		q.and("d.state = any(?::smallint[])", stateNumbers(f.States))
	}
}

func stateNumbers(list []queue.State) []int16 {
	numbers := []int16{}
	for _, want := range list {
		for i, state := range states {
			if state == want {
				numbers = append(numbers, int16(i))
			}
		}
	}
	return numbers
}

// Deliveries implements [queue.Inspector].
func (s *Store) Deliveries(ctx context.Context, f queue.Filter, after queue.Cursor, n int) (queue.Page, error) {
	list := "receipt"
	if len(f.States) == 1 {
		list = string(f.States[0])
	}
	return s.page(ctx, f, list, after, n)
}

// Walk implements [queue.Inspector].
func (s *Store) Walk(ctx context.Context, f queue.Filter, after queue.Cursor, n int) (queue.Page, error) {
	return s.page(ctx, f, "walk", after, n)
}

// listColumns are those of [listed]. The first is the message that goes before a waiting
// delivery by its order key.
const listColumns = `case when d.state = 0 and d.ord is not null then (select b.message from {s}.delivery b
	where b.destination = d.destination and b.state = 0 and b.ord = d.ord and b.message < d.message order by b.message limit 1) end,
	m.size, m.endpoint, m.event_id, m.event_type, x.id, x.name, ` + rowColumns

// listed is a delivery in a list.
type listed struct {
	row
	behind      *uuid.UUID
	size        int64
	endpoint    string
	event, kind string
	destination int32
	name        string
}

func scanListed(r pgx.CollectableRow) (l listed, err error) {
	return l, r.Scan(append([]any{&l.behind, &l.size, &l.endpoint, &l.event, &l.kind, &l.destination, &l.name}, l.fields()...)...)
}

func (l *listed) summary() queue.Summary {
	return queue.Summary{ID: l.message, ReceivedAt: receivedAt(l.message), Endpoint: l.endpoint, EventID: l.event, EventType: l.kind, Size: l.size}
}

func (s *Store) page(ctx context.Context, f queue.Filter, list string, after queue.Cursor, n int) (page queue.Page, err error) {
	if err := s.ready(); err != nil {
		return page, err
	}
	var q query
	q.messages(&f)
	q.deliveries(&f)
	at, order, past := "", "d.message desc, d.destination desc", "(d.message, d.destination) < (?, ?)"
	switch queue.State(list) {
	case queue.StateWaiting:
		at, order, past = "due", "d.due, d.message, d.destination", "(d.due, d.message, d.destination) > (?, ?, ?)"
	case queue.StateDelivered, queue.StateCancelled, queue.StateUnrouted:
		at, order, past = "ended", "d.ended desc, d.message desc, d.destination desc", "(d.ended, d.message, d.destination) < (?, ?, ?)"
	case "walk":
		order, past = "d.message, d.destination", "(d.message, d.destination) > (?, ?)"
	}
	if after != "" {
		p, err := placeOf(after, list)
		if err != nil {
			return page, err
		}
		if at != "" {
			q.and(past, p.At, p.Message, p.Destination)
		} else {
			q.and(past, p.Message, p.Destination)
		}
	}
	q.args = append(q.args, n+1)
	rows, err := s.pool.Query(ctx, s.sql(fmt.Sprintf(`select %s from {s}.delivery d join {s}.message m on m.id = d.message join {s}.destination x on x.id = d.destination
		where %s order by %s limit $%d`, listColumns, q.String(), order, len(q.args))), q.args...)
	if err != nil {
		return page, unavailable(err)
	}
	found, err := pgx.CollectRows(rows, scanListed)
	if err != nil {
		return page, unavailable(err)
	}
	for i := range found {
		l := &found[i]
		if i == n {
			last := &found[n-1]
			p := place{List: list, Message: uuid.UUID(last.message), Destination: last.destination}
			switch at {
			case "due":
				p.At = last.due
			case "ended":
				p.At = last.ended
			}
			page.Next = p.cursor()
			break
		}
		page.Entries = append(page.Entries, queue.Entry{Summary: l.summary(), DeliveryState: s.stateOf(l)})
	}
	return page, nil
}

// stateOf is a delivery for people. Claimed is known of this node's destinations alone.
func (s *Store) stateOf(l *listed) queue.DeliveryState {
	st := queue.DeliveryState{
		Destination: queue.ParseDestination(l.name), State: states[l.state], Attempts: int(l.attempts),
		Redelivered: fromNanos(l.redelivered), Ended: fromNanos(l.ended),
	}
	st.Last, st.Err = decodeAttempt(l.last, s.seal.For(l.message))
	if l.state == waits {
		st.Next, st.Ended = fromNanos(l.due), time.Time{}
		if l.behind != nil {
			st.Behind = queue.ID(*l.behind)
		}
		s.mu.RLock()
		d := s.byID[l.destination]
		s.mu.RUnlock()
		if d != nil {
			if t := d.tenure.Load(); t != nil {
				t.Lock()
				c, _ := t.HolderLocked(l.message)
				t.Unlock()
				st.Claimed = c != nil
			}
		}
	}
	return st
}

// Messages implements [queue.Inspector].
func (s *Store) Messages(ctx context.Context, f queue.Filter, after queue.Cursor, n int) (page queue.MessagePage, err error) {
	if err := s.ready(); err != nil {
		return page, err
	}
	var q query
	q.messages(&f)
	if after != "" {
		p, err := placeOf(after, "messages")
		if err != nil {
			return page, err
		}
		q.and("m.id < ?", p.Message)
	}
	if len(f.States) > 0 || f.Destination != (queue.Destination{}) {
		inner := query{args: q.args}
		inner.deliveries(&f)
		q.args = inner.args
		q.where = append(q.where, "exists (select from {s}.delivery d join {s}.destination x on x.id = d.destination where d.message = m.id and "+inner.String()+")")
	}
	q.args = append(q.args, n+1)
	rows, err := s.pool.Query(ctx, s.sql(fmt.Sprintf(`select %s from (select * from {s}.message m where %s order by id desc limit $%d) m
		join {s}.delivery d on d.message = m.id join {s}.destination x on x.id = d.destination order by m.id desc, d.destination`,
		listColumns, q.String(), len(q.args))), q.args...)
	if err != nil {
		return page, unavailable(err)
	}
	found, err := pgx.CollectRows(rows, scanListed)
	if err != nil {
		return page, unavailable(err)
	}
	for i := range found {
		l := &found[i]
		last := len(page.Messages) - 1
		if last < 0 || page.Messages[last].ID != l.message {
			if last+1 == n {
				page.Next = place{List: "messages", Message: uuid.UUID(page.Messages[last].ID)}.cursor()
				break
			}
			page.Messages = append(page.Messages, queue.MessageEntry{Summary: l.summary()})
			last++
		}
		page.Messages[last].Deliveries = append(page.Messages[last].Deliveries, s.stateOf(l))
	}
	return page, nil
}

// Look implements [queue.Inspector].
func (s *Store) Look(ctx context.Context, id queue.ID) (in *queue.Inspection, err error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		in, err = s.inspection(ctx, tx, id)
		return err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, s.gone(ctx, id)
	case err != nil:
		return nil, unavailable(err)
	}
	return in, nil
}

func (s *Store) inspection(ctx context.Context, tx pgx.Tx, id queue.ID) (*queue.Inspection, error) {
	in := new(queue.Inspection)
	in.ID, in.ReceivedAt = id, receivedAt(id)
	var record []byte
	err := tx.QueryRow(ctx, s.sql("select size, endpoint, event_id, event_type, record from {s}.message where id = $1"), uuid.UUID(id)).
		Scan(&in.Size, &in.Endpoint, &in.EventID, &in.EventType, &record)
	if err != nil {
		return nil, err
	}
	in.Message, in.Err = s.seal.OpenMessage(id, record)
	rows, err := tx.Query(ctx, s.sql("select "+listColumns+` from {s}.delivery d join {s}.message m on m.id = d.message join {s}.destination x on x.id = d.destination
		where d.message = $1 order by d.destination`), uuid.UUID(id))
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scanListed)
	if err != nil {
		return nil, err
	}
	for i := range found {
		l := &found[i]
		h := queue.DeliveryHistory{DeliveryState: s.stateOf(l)}
		rows, err := tx.Query(ctx, s.sql("select record from {s}.attempt where message = $1 and destination = $2 order by number"), uuid.UUID(id), l.destination)
		if err != nil {
			return nil, err
		}
		records, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil {
			return nil, err
		}
		for _, b := range records {
			switch a, err := decodeAttempt(b, s.seal.For(id)); {
			case err == nil && a != nil:
				h.History = append(h.History, *a)
			case h.Err == nil:
				h.Err = err
			}
		}
		in.Deliveries = append(in.Deliveries, h)
	}
	return in, nil
}
