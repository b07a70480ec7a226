package pebble

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// indexes returns those that make up the list of a filter. An event ID has few
// messages, so that its own index serves, sorted by receipt.
func indexes(f *queue.Filter, messages bool) []byte {
	switch {
	case f.EventID != "":
		return []byte{record.KindEvent}
	case messages || len(f.States) != 1:
		return []byte{record.KindSummary}
	case f.States[0] == queue.StateWaiting:
		return []byte{record.KindWaiting, record.KindOrdered}
	case f.States[0] == queue.StateDead:
		return []byte{record.KindDead}
	}
	return []byte{record.KindEnded}
}

func (s *Store) list(ctx context.Context, f queue.Filter, n int) (*listing, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	return &listing{view: v, ctx: ctx, filter: f, room: min(max(n, 1), pageMax), effort: pageEffort}, nil
}

// Deliveries lists deliveries as [queue.Inspector] says. A page has no more than
// 1000 entries and looks at no more than 10,000 records. Waiting
// deliveries with an order key come after all others, sorted by order key. Those found by an event ID come by receipt, the newest first.
func (s *Store) Deliveries(ctx context.Context, f queue.Filter, after queue.Cursor, n int) (page queue.Page, err error) {
	l, err := s.list(ctx, f, n)
	if err != nil {
		return page, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	return l.deliveries(indexes(&f, false), after)
}

// Walk lists deliveries as [queue.Inspector] says, within the bounds of
// [Store.Deliveries] but for the rest of the last message. Where only waiting ones
// are asked for, it begins at the oldest of them.
func (s *Store) Walk(ctx context.Context, f queue.Filter, after queue.Cursor, n int) (page queue.Page, err error) {
	l, err := s.list(ctx, f, n)
	if err != nil {
		return page, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	l.walk = true
	kinds := indexes(&f, true)
	if len(f.States) == 1 && f.EventID == "" {
		switch f.States[0] {
		case queue.StateDead: // whose index is sorted by receipt, too
			kinds = []byte{record.KindDead}
		case queue.StateWaiting:
			l.oldest = l.oldestWaiting()
		}
	}
	return l.deliveries(kinds, after)
}

// oldestWaiting returns an ID that is before those of all waiting deliveries that
// the filter can select.
func (l *listing) oldestWaiting() []byte {
	destinations := l.store.allDestinations()
	if lists := l.lists(record.KindWaiting); lists != nil {
		destinations = slices.DeleteFunc(destinations, func(x *destination) bool { return !slices.Contains(lists, x.id) })
	}
	oldest := window.Last.ID
	for _, x := range destinations {
		x.Lock()
		if at := x.StatsLocked().Oldest; !at.IsZero() {
			if id := record.FirstID(at); bytes.Compare(id[:], oldest[:]) < 0 {
				oldest = id
			}
		}
		x.Unlock()
	}
	return oldest[:]
}

// deliveries makes a page of deliveries out of these indexes.
func (l *listing) deliveries(kinds []byte, after queue.Cursor) (page queue.Page, err error) {
	page.Next, err = l.run(kinds, after, func(kind byte, r *row, skip int) (int, error) {
		id := queue.ID(r.rest[len(r.rest)-16:])
		if !l.received(id) {
			return 0, nil
		}
		if kind != record.KindSummary && kind != record.KindEvent {
			e, err := l.item(id, r.list)
			if e != nil {
				page.Entries = append(page.Entries, *e)
				l.room--
			}
			return 0, err
		}
		sum, _, err := l.member(kind, r, id)
		if err != nil || !l.about(sum) {
			return 0, err
		}
		destinations, err := l.destinationsOf(sum, id)
		if err != nil {
			return 0, unavailable(err)
		}
		for i, digest := range destinations {
			if i < skip {
				continue
			}
			if l.room <= 0 && !l.walk {
				return i, nil
			}
			l.effort--
			d, st, gone, err := l.delivery(id, digest)
			if err != nil {
				return 0, unavailable(err)
			}
			if !gone && l.selects(&d) {
				if d.Behind, err = l.inLine(id, digest, &st); err != nil {
					return 0, err
				}
				page.Entries = append(page.Entries, queue.Entry{Summary: describe(id, sum), DeliveryState: d})
				l.room--
			}
		}
		return 0, nil
	})
	return page, err
}

// item makes the entry of a delivery from an index of its destination; nil:
// the filter passes it over.
func (l *listing) item(id queue.ID, digest record.Digest) (*queue.Entry, error) {
	d, st, gone, err := l.delivery(id, digest)
	if err != nil {
		return nil, unavailable(err)
	}
	if d.State == "" && d.Err != nil {
		d.State = l.filter.States[0] // the index tells, except among the ended
	}
	if gone || !l.selects(&d) {
		return nil, nil
	}
	l.effort--
	sum, err := l.summary(record.DigestOf(d.Destination.Endpoint), id)
	if sum == nil && err == nil || isDamage(err) {
		l.effort--
		if d.Err == nil {
			d.Err = err
		}
		var damage error
		if sum, _, damage, err = l.find(id); damage != nil && d.Err == nil {
			d.Err = damage
		}
	}
	if err != nil {
		return nil, unavailable(err)
	}
	if sum == nil && d.Err == nil {
		d.Err = errMissing
	}
	if !l.about(sum) {
		return nil, nil
	}
	if d.Behind, err = l.inLine(id, digest, &st); err != nil {
		return nil, err
	}
	return &queue.Entry{Summary: describe(id, sum), DeliveryState: d}, nil
}

// inLine returns the message that goes before a delivery by its order key, for a list that
// people read.
func (l *listing) inLine(id queue.ID, digest record.Digest, st *record.Delivery) (queue.ID, error) {
	if l.walk {
		return queue.ID{}, nil
	}
	first, err := l.behind(id, digest, st)
	if err != nil {
		err = unavailable(err)
	}
	return first, err
}

// member reads the summary of a message in the list of an endpoint, or in that of
// an event ID. A damaged one has none.
func (l *listing) member(kind byte, r *row, id queue.ID) (sum *record.Summary, damage, err error) {
	switch {
	case kind == record.KindSummary:
		s, err := record.DecodeSummary(r.value)
		if err == nil {
			return &s, nil, nil
		}
		damage = err
	case l.filter.Endpoint != "":
		if sum, err = l.summary(record.DigestOf(l.filter.Endpoint), id); err == nil && sum != nil {
			return sum, nil, nil
		}
		damage = err
		if err == nil {
			return &record.Summary{}, nil, nil // another endpoint's: no filter selects it
		}
	}
	l.effort--
	sum, _, found, err := l.find(id)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	if kind == record.KindEvent && sum == nil {
		return &record.Summary{}, nil, nil // an entry that has outlived its message
	}
	return sum, errors.Join(damage, found), nil
}

// Messages lists messages as [queue.Inspector] says, within the bounds of
// [Store.Deliveries].
func (s *Store) Messages(ctx context.Context, f queue.Filter, after queue.Cursor, n int) (page queue.MessagePage, err error) {
	l, err := s.list(ctx, f, n)
	if err != nil {
		return page, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	page.Next, err = l.run(indexes(&f, true), after, func(kind byte, r *row, _ int) (int, error) {
		id := queue.ID(r.rest)
		sum, damage, err := l.member(kind, r, id)
		if err != nil || !l.about(sum) {
			return 0, err
		}
		destinations, err := l.destinationsOf(sum, id)
		if err != nil {
			return 0, unavailable(err)
		}
		e := queue.MessageEntry{Summary: describe(id, sum)}
		matches := false
		for _, digest := range destinations {
			l.effort--
			d, st, gone, err := l.delivery(id, digest)
			if err != nil {
				return 0, unavailable(err)
			}
			if gone {
				continue
			}
			if d.Behind, err = l.inLine(id, digest, &st); err != nil {
				return 0, err
			}
			if d.Err == nil {
				d.Err = damage
			}
			matches = matches || l.selects(&d)
			e.Deliveries = append(e.Deliveries, d)
		}
		if matches {
			page.Messages = append(page.Messages, e)
			l.room--
		}
		return 0, nil
	})
	return page, err
}

// Look returns all that is kept of one message, as [queue.Inspector] says.
func (s *Store) Look(_ context.Context, id queue.ID) (seen *queue.Inspection, err error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	sum, m, damage, err := v.find(id)
	if err != nil {
		return nil, unavailable(err)
	}
	if sum == nil && damage == nil {
		gone, err := v.gone(id)
		switch {
		case err != nil && !isDamage(err):
			return nil, unavailable(err)
		case gone != nil:
			return nil, gone
		}
		return nil, queue.ErrNotFound
	}
	seen = &queue.Inspection{Summary: describe(id, sum), Message: m, Err: damage}
	destinations, err := v.destinationsOf(sum, id)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, digest := range slices.Clone(destinations) {
		d, st, gone, err := v.delivery(id, digest)
		if err != nil {
			return nil, unavailable(err)
		}
		if gone {
			continue
		}
		if d.Behind, err = v.behind(id, digest, &st); err != nil {
			return nil, unavailable(err)
		}
		history, broken, err := v.history(id, digest, st.Last)
		if err != nil {
			return nil, unavailable(err)
		}
		if d.Err == nil {
			d.Err = broken
		}
		seen.Deliveries = append(seen.Deliveries, queue.DeliveryHistory{DeliveryState: d, History: history})
	}
	return seen, nil
}
