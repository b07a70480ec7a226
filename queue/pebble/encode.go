package pebble

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
)

// largeMessage is from how many bytes of body on a message is written straight
// into its batch, and not kept in memory for its first attempt. A copy of 25 MB
// less for each sender is worth a look into the database.
const largeMessage = 1 << 20

// encoded is a message on its way into a batch.
type encoded struct {
	id    queue.ID
	plain []byte // all of it, or without the body where that is large
	body  []byte
	seal  *seal.Seal // as it was when the size was told
}

func (s *Store) encode(m *queue.Message) encoded {
	e := encoded{id: m.ID, seal: s.seal.Still()}
	if len(m.Body) < largeMessage {
		e.plain = queue.AppendMessage(make([]byte, 0, queue.EncodedSize(m)), m)
		return e
	}
	head := *m
	head.Body, e.body = nil, m.Body
	e.plain = queue.AppendMessage(nil, &head) // the body comes last, and bare
	return e
}

// size is that of the record.
func (e *encoded) size() int { return len(e.plain) + len(e.body) + e.seal.Overhead() }

// An empty batch begins with a header of so many zeros. The rest of
// the batch of a large message takes at most batchRest, unless there are very many
// destinations.
const (
	batchHeader = 12
	batchRest   = 4 << 10
)

// put adds the record to the batch, which is empty.
func (e *encoded) put(batch *pebble.Batch) error {
	if e.body != nil {
		// By itself the batch would take the next power of two. A size given as an
		// option would stay with the batch, which is used again for small things.
		if err := batch.SetRepr(make([]byte, batchHeader, e.size()+batchRest)); err != nil {
			return err
		}
	}
	var k record.KeyBuffer
	key := record.MessageKey(&k, e.id)
	op := batch.SetDeferred(len(key), e.size())
	copy(op.Key, key)
	content := e.seal.Message(op.Value[:0], e.id, func(b []byte) []byte {
		return append(append(b, e.plain...), e.body...)
	})
	if len(content) != len(op.Value) || &content[0] != &op.Value[0] {
		return errors.New("a record is not as long as was told") // cannot happen
	}
	return op.Finish()
}
