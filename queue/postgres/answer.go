package postgres

import (
	"context"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
)

// A sender may wait for the answer of the first attempt at a node that does not deliver to the
// destination. The owner makes that attempt, as it makes all others: so order, concurrency, rate,
// circuit and pause hold for it. The delivery is in the inbox with the node that asks. The owner
// claims it there, if it is its turn, and leaves the answer in the table answer. Nothing depends
// on the answer: the delivery is one like any other.

// answers are those that senders at this node wait for.
type answers struct {
	mu  sync.Mutex
	all map[queue.ID]*answer
}

// answer is one that a sender waits for.
type answer struct {
	store   *Store
	message queue.ID
	came    chan []byte // the record, nil for none
}

// awaited returns the part whose answer a sender waits for; nil: none.
func (a *acceptance) awaited() *part {
	for i := range a.parts {
		if a.parts[i].hold {
			return &a.parts[i]
		}
	}
	return nil
}

// expect notes that an answer may come, before it can come.
func (s *Store) expect(a *acceptance) {
	if a.awaited() == nil {
		return
	}
	a.answer = &answer{store: s, message: a.m.ID, came: make(chan []byte, 1)}
	s.answers.mu.Lock()
	defer s.answers.mu.Unlock()
	s.answers.all[a.m.ID] = a.answer
}

// asks reports whether the delivery that a sender waits for is in the inbox.
func (a *acceptance) asks() bool {
	p := a.awaited()
	return p != nil && p.epoch == 0 && a.id.GoesOn(a.verdict)
}

// wait is queue.Accepted.Answer.
func (w *answer) wait(ctx context.Context) []byte {
	defer w.end()
	var record []byte
	select {
	case record = <-w.came:
	case <-ctx.Done():
	case <-w.store.running.Done():
	}
	if record == nil {
		return nil
	}
	b, err := w.store.seal.For(w.message).Open(record)
	if err != nil { // another node has other keys, which is a warning of its own
		return nil
	}
	return b
}

// end forgets an answer.
func (w *answer) end() {
	if w == nil {
		return
	}
	w.store.answers.mu.Lock()
	defer w.store.answers.mu.Unlock()
	delete(w.store.answers.all, w.message)
}

// hear gives an answer to the sender that waits for it, if it still does.
func (s *Store) hear(message queue.ID, record []byte) {
	s.answers.mu.Lock()
	defer s.answers.mu.Unlock()
	if w := s.answers.all[message]; w != nil {
		select {
		case w.came <- record:
		default: // it has one
		}
	}
}

// readAnswers takes the answers for this node. Those for which nobody waits any more go with them.
func (s *Store) readAnswers(ctx context.Context) error {
	s.answers.mu.Lock()
	waiting := len(s.answers.all)
	s.answers.mu.Unlock()
	if waiting == 0 {
		return nil
	}
	s.mu.RLock()
	node := s.node
	s.mu.RUnlock()
	rows, err := s.pool.Query(ctx, s.sql(`with quick as (select set_config('synchronous_commit', 'off', true))
		delete from {s}.answer using quick where node = $1 returning message, record`), node)
	if err != nil {
		return err
	}
	var message uuid.UUID
	var record []byte
	_, err = pgx.ForEachRow(rows, []any{&message, &record}, func() error {
		s.hear(queue.ID(message), record)
		record = nil
		return nil
	})
	return err
}

// AttemptFor implements [queue.Clustered].
func (s *Store) AttemptFor(f func(c queue.Claim, answer func([]byte))) { s.attemptFor.Store(&f) }

// asked bounds the deliveries that are being read for senders at other nodes. Beyond it they
// are delivered without an answer to the sender.
type asked chan struct{}

const maxAsked = 64

func (a asked) enter() bool {
	select {
	case a <- struct{}{}:
		return true
	default:
		return false
	}
}

func (a asked) leave() { <-a }

// attemptAsked lets the first attempt be made for a sender that waits at a node.
func (s *Store) attemptAsked(c *claim, node int32, f func(queue.Claim, func([]byte))) {
	defer s.asked.leave()
	message := c.ID
	ok, err := c.fill(nil)
	if !ok || err != nil {
		s.refuse(s.running, []refusal{{message, node}})
		return
	}
	f(c, func(answer []byte) { s.reply(message, node, answer) })
}

// reply sends the answer of an attempt to the node that asked for it. An answer that cannot be
// sent is lost: its sender does not wait for ever.
func (s *Store) reply(message queue.ID, node int32, answer []byte) {
	if len(answer) == 0 {
		s.refuse(s.running, []refusal{{message, node}})
		return
	}
	record := s.seal.For(message).Close(nil, answer)
	if s.isThis(node) {
		s.hear(message, record)
		return
	}
	_, err := s.pool.Exec(s.running, s.sql(`with quick as (select set_config('synchronous_commit', 'off', true))
		insert into {s}.answer (node, message, record) select $1, $2, $3 from quick on conflict do nothing`), node, uuid.UUID(message), record)
	if err == nil {
		pokeIt(s.tell)
	}
}

// refusal tells a node that there is no answer to a message.
type refusal struct {
	message queue.ID
	node    int32
}

// refuse sends refusals.
func (s *Store) refuse(ctx context.Context, list []refusal) {
	var nodes []int32
	var messages []uuid.UUID
	for _, r := range list {
		if s.isThis(r.node) {
			s.hear(r.message, nil)
			continue
		}
		nodes, messages = append(nodes, r.node), append(messages, uuid.UUID(r.message))
	}
	if len(nodes) == 0 {
		return
	}
	_, err := s.pool.Exec(ctx, s.sql(`with quick as (select set_config('synchronous_commit', 'off', true))
		insert into {s}.answer (node, message) select n, m from quick, unnest($1::int[], $2::uuid[]) x(n, m) on conflict do nothing`), nodes, messages)
	if err == nil {
		pokeIt(s.tell)
	}
}

func (s *Store) isThis(node int32) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return node == s.node
}
