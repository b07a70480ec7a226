package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// attemptFor makes the first attempt of an event whose sender waits at another gateway. That
// one gets the upstream's answer if it is a success and comes in time.
func (s *shared) attemptFor(claim queue.Claim, answer func([]byte)) {
	run, destination := s.latest.Load(), claim.Delivery().Destination
	if run == nil || run.delivering[destination] == nil || !run.acquire(reference) {
		_ = claim.Release() // it is in memory
		answer(nil)
		return
	}
	f := run.forwards[destination]
	c, done, ok := f.try(s, run.delivering[destination], run.attempting, claim)
	if !ok {
		run.leave()
		answer(nil)
		return
	}
	go func() {
		defer run.leave()
		defer c.drop()
		patience := time.NewTimer(time.Duration(f.Wait))
		defer patience.Stop()
		select {
		case a := <-done:
			whole, ok := c.whole()
			if a.Outcome != queue.Delivered || !ok || !c.room(copies*int64(len(whole.body))) {
				answer(nil)
				return
			}
			answer(whole.encode())
		case <-patience.C: // the other gateway has counted, too
		}
	}()
}

// copies is how often an answer is in memory at once besides its body, on its way to another
// gateway: encoded, sealed, and in the statement.
const copies = 3

// room takes memory until drop; false: there is none.
func (c *captured) room(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.lost && c.memory.take(n) == nil
}

// relayFrom waits for the answer of an attempt that another gateway makes. It is relay where
// this gateway does not deliver.
func (q *request) relayFrom(answer func(context.Context) []byte) (answered bool) {
	h := q.endpoint
	ctx, cancel := context.WithTimeout(q.r.Context(), time.Duration(h.waiting().Wait))
	defer cancel()
	b := answer(ctx)
	if b == nil {
		return q.r.Context().Err() != nil // the sender is gone
	}
	memory := h.memory(q.shared, time.Time{})
	memory.verified = true
	defer memory.release()
	if memory.take(int64(len(b))) != nil {
		return false
	}
	a, ok := decodeAnswer(b)
	if ok {
		a.writeTo(q.w)
	}
	return ok
}

// answerHead is the first line of an answer on its way to another gateway. The body follows.
// Values of headers are bytes, since they need not be UTF-8.
type answerHead struct {
	Status int                 `json:"status"`
	Header map[string][][]byte `json:"header"`
}

func (a senderAnswer) encode() []byte {
	h := answerHead{a.status, make(map[string][][]byte)}
	for name, values := range a.header {
		for _, v := range values {
			h.Header[name] = append(h.Header[name], []byte(v))
		}
	}
	head, _ := json.Marshal(h) // cannot fail: plain data
	return append(append(head, '\n'), a.body...)
}

func decodeAnswer(b []byte) (a senderAnswer, ok bool) {
	line, body, ok := bytes.Cut(b, []byte{'\n'})
	var head answerHead
	if !ok || json.Unmarshal(line, &head) != nil || !success(head.Status) {
		return a, false
	}
	a = senderAnswer{head.Status, make(http.Header), body}
	for name, values := range head.Header {
		for _, v := range values {
			a.header[name] = append(a.header[name], string(v))
		}
	}
	return a, true
}
