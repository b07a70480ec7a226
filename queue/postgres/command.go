package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
)

// request is an operation of a person. The owner of the destination carries it out, since it
// alone knows whether an attempt is under way; other nodes send it as a row of command.
type request struct {
	Do   string        `json:"do"` // redeliver, reroute, cancel, bury, purge
	ID   queue.ID      `json:"id"`
	To   []target      `json:"to,omitempty"`
	Only []queue.State `json:"only,omitempty"`
}

// target is a route of a request. An order key can be part of a body, so it is here as it is
// in the tables: as a digest.
type target struct {
	Destination queue.Destination `json:"destination"`
	Ord         *int64            `json:"ord,omitempty"`
}

func targets(to ...queue.Route) (list []target) {
	for _, r := range to {
		list = append(list, target{r.Destination, ordOf(r)})
	}
	return list
}

// reply is the outcome of a request.
type reply struct {
	Error string    `json:"error,omitempty"` // busy, state, notfound, gone, unavailable
	Text  string    `json:"text,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

func replyOf(err error) (r reply) {
	var g *queue.GoneError
	switch {
	case err == nil:
	case errors.As(err, &g):
		r = reply{"gone", g.Why, g.At}
	case errors.Is(err, queue.ErrBusy):
		r.Error = "busy"
	case errors.Is(err, queue.ErrState):
		r.Error = "state"
	case errors.Is(err, queue.ErrNotFound):
		r.Error = "notfound"
	case errors.Is(err, errUnrouted):
		r.Error = "unrouted"
	default:
		r = reply{Error: "unavailable", Text: err.Error()}
	}
	return r
}

func (r reply) err(id queue.ID) error {
	switch r.Error {
	case "":
		return nil
	case "gone":
		return &queue.GoneError{ID: id, At: r.At, Why: r.Text}
	case "busy":
		return queue.ErrBusy
	case "state":
		return queue.ErrState
	case "notfound":
		return queue.ErrNotFound
	case "unrouted":
		return errUnrouted
	}
	return unavailable(errors.New(r.Text))
}

// patience is how long an operation waits for the owner of a destination.
const patience = 5 * time.Second

// ask sends a request to the owner and waits for its reply.
func (s *Store) ask(ctx context.Context, d *destination, q request) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	var id int64
	err = s.pool.QueryRow(ctx, s.sql("insert into {s}.command (destination, request) values ($1, $2) returning id"), d.id, body).Scan(&id)
	if err != nil {
		return unavailable(err)
	}
	pokeIt(s.tell)
	for {
		var answer []byte
		err := s.pool.QueryRow(s.running, s.sql("delete from {s}.command where id = $1 and reply is not null returning reply"), id).Scan(&answer)
		if err == nil {
			var r reply
			if err := json.Unmarshal(answer, &r); err != nil {
				return unavailable(err)
			}
			return r.err(q.ID)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return unavailable(err)
		}
		select {
		case <-ctx.Done():
			tag, err := s.pool.Exec(s.running, s.sql("delete from {s}.command where id = $1 and reply is null"), id)
			if err != nil {
				return unavailable(err)
			}
			if tag.RowsAffected() > 0 {
				return unavailable(errNoAnswer)
			}
			ctx = context.WithoutCancel(ctx) // it has been answered just now
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// obey carries out the requests of other nodes. The row is locked meanwhile, so that whoever
// asked does not give up in between.
func (s *Store) obey(ctx context.Context, ids []int32) error {
	for {
		var id int64
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			var destination int32
			var body []byte
			err := tx.QueryRow(ctx, s.sql("select id, destination, request from {s}.command where destination = any($1) and reply is null order by id limit 1 for update"), ids).
				Scan(&id, &destination, &body)
			if err != nil {
				return err
			}
			var q request
			s.mu.RLock()
			d := s.byID[destination]
			s.mu.RUnlock()
			err = json.Unmarshal(body, &q)
			if t := d.tenure.Load(); err == nil && t != nil {
				err = s.execute(ctx, t, q)
			} else if err == nil {
				err = errNoAnswer
			}
			answer, _ := json.Marshal(replyOf(err)) // plain data
			_, err = tx.Exec(ctx, s.sql("update {s}.command set reply = $2 where id = $1"), id, answer)
			return err
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
