package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hookwicket/hookwicket/queue/window"
)

// unflushed are the marks that a crash of the database can take back: those that ended a delivery
// since the last renewal of the lease. A renewal is on the disk, and with it all that was
// committed before.
type unflushed struct {
	mu      sync.Mutex
	marks   []endedMark
	server  int64 // when the server was started that they went to
	crashes int64 // of its processes; see Store.crashes
}

type endedMark struct {
	at          time.Time
	destination *destination
	tenure      *tenure // at the time of the mark
	from, to    row
}

// remember keeps a mark until it is on the disk.
func (u *unflushed) remember(m *marking) {
	if m.sync || m.from.state != waits || m.to.state == waits {
		return
	}
	e := endedMark{time.Now(), m.destination, m.destination.tenure.Load(), m.from, m.to}
	e.from.last, e.to.last = nil, nil
	u.mu.Lock()
	defer u.mu.Unlock()
	u.marks = append(u.marks, e)
}

// flushed forgets the marks from before a renewal. Those that a crash may have taken back it
// returns.
func (u *unflushed) flushed(renewal time.Time, server, crashes int64) (doubtful []endedMark) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := 0
	for n < len(u.marks) && u.marks[n].at.Before(renewal) {
		n++
	}
	if u.server != server || u.crashes != crashes {
		doubtful, n = u.marks, len(u.marks)
	}
	u.marks, u.server, u.crashes = append([]endedMark(nil), u.marks[n:]...), server, crashes
	return doubtful
}

// recall brings deliveries back into memory whose marks were lost with a crash of the database:
// they wait again.
func (s *Store) recall(ctx context.Context, marks []endedMark) error {
	n := len(marks)
	messages, destinations, versions := make([]uuid.UUID, n), make([]int32, n), make([]int32, n)
	for i, m := range marks {
		messages[i], destinations[i], versions[i] = uuid.UUID(m.from.message), m.destination.id, m.from.version
	}
	rows, err := s.pool.Query(ctx, s.sql(`select i from unnest($1::uuid[], $2::int[], $3::int[]) with ordinality x(m, d, v, i)
		join {s}.delivery on message = m and destination = d and version = v and state = 0`), messages, destinations, versions)
	if err != nil {
		return err
	}
	defer rows.Close()
	back := 0
	for rows.Next() {
		var i int
		if err := rows.Scan(&i); err != nil {
			return err
		}
		m := &marks[i-1]
		t := m.destination.tenure.Load()
		if t == nil || t != m.tenure { // the backlog is read, or was read after the crash
			continue
		}
		back++
		t.Lock()
		t.countLocked(&m.to, -1)
		t.countLocked(&m.from, 1)
		if _, busy := t.HolderLocked(m.from.message); !busy {
			t.InsertLocked(window.Entry{Waiting: m.from.waiting()})
		}
		t.Unlock()
	}
	if back > 0 {
		s.options.Logger.Warn("the database has crashed and has lost the outcomes of attempts: they are repeated", "attempts", back)
	}
	return rows.Err()
}

// met notes which server answers, after a renewal of the lease that began at a time.
func (s *Store) met(ctx context.Context, server int64, began time.Time) error {
	if n := s.links.cut(server); n > 0 {
		s.options.Logger.Warn("another server is the database now: the connections to the one before are closed", "connections", n)
	}
	doubtful := s.unflushed.flushed(began, server, s.crashes.Load())
	if len(doubtful) == 0 {
		return nil
	}
	err := s.recall(ctx, doubtful)
	if err != nil { // with the next renewal
		s.unflushed.mu.Lock()
		s.unflushed.marks, s.unflushed.server = append(doubtful, s.unflushed.marks...), 0
		s.unflushed.mu.Unlock()
	}
	return err
}
