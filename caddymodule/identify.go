package caddymodule

import (
	"context"
	"time"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// identify notes the facts of a verified event and makes its dedupe key.
func (q *request) identify() {
	f := q.facts
	f.eventID, f.eventType, f.signed = q.event.ID, q.event.Type, signedWords(q.event.Signed)
	f.body = q.in.body
	q.id = q.endpoint.identifyAt(q.event, f.receivedAt)
}

// identify applies the rule of deduplication to an event.
func (h *Handler) identify(event verifiers.Event) queue.Identity {
	if h.window == 0 {
		return queue.Identity{}
	}
	key, digest := h.rule.Keys(dedupe.Evidence{
		Endpoint: h.Name, ID: event.ID, IDSigned: event.Signed.ID, Content: event.Content,
	})
	return queue.Identity{
		Key: key, Digest: digest,
		RefuseReplays: h.refuse, Window: h.window,
	}
}

// maxWindow bounds the window of a token that lives for years.
const maxWindow = 366 * 24 * time.Hour

// identifyAt is identify for a request that was just received. An event whose token
// lives longer than the window is remembered for as long as the token lives, or a
// captured request would outlive its key.
func (h *Handler) identifyAt(event verifiers.Event, received time.Time) queue.Identity {
	id := h.identify(event)
	if id.Window > 0 {
		id.Window = max(id.Window, min(h.freshness.Life(event, received), maxWindow))
	}
	return id
}

// once calls do for one of several simultaneous requests with the same event. The
// others wait and share its outcome. If the window knows the event, do is not called
// and q.verdict stays unasked.
func (q *request) once(ctx context.Context, do func(*dedupe.Turn) (known bool, err error)) error {
	q.verdict = unasked
	_, err := q.shared.window.Do(ctx, twinKey(q.id), q.facts.receivedAt, q.id.Window, do)
	return err
}

// twinKey is the key by which simultaneous requests are twins. It is the digest of
// the content if known content is refused under any ID.
func twinKey(id queue.Identity) queue.Key {
	if id.RefuseReplays && id.Digest != (queue.Key{}) {
		return id.Digest
	}
	return id.Key
}

// unasked: the window or a twin had the event, so this request did not ask the store.
const unasked = queue.Verdict(-1)

// settleVerdict distinguishes a replay from a duplicate if the store was not asked. The
// window cannot, because it compares the content alone.
func (q *request) settleVerdict(ctx context.Context) {
	if q.verdict != unasked {
		return
	}
	q.verdict = queue.Duplicate
	if twinKey(q.id) == q.id.Key {
		return
	}
	if v, err := q.shared.store.Seen(ctx, q.id, q.facts.receivedAt); err == nil && v == queue.Replayed {
		q.verdict = v
	}
}

// dropped reports whether the event goes no further, because it is known.
func (q *request) dropped() bool { return !q.id.GoesOn(q.verdict) }
