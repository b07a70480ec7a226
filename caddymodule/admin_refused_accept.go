package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/refused"
	"github.com/hookwicket/hookwicket/verifiers"
)

// errStill: a request that was judged again is refused again.
var errStill = errors.New("it is still refused")

// acceptOne judges an entry again and accepts it if it is verified. An error that wraps
// errStill, or that is no fault of the gateway, is for the person.
func (o *opened) acceptOne(ctx context.Context, e *refused.Entry) (answer adminapi.AcceptedAgain, err error) {
	answer.ID = e.Message.ID
	if now, ok := o.shared.refused.Get(answer.ID, time.Now()); ok { // it may have been accepted meanwhile
		e = &now
	}
	h := o.app.endpoints[e.Message.Endpoint]
	switch {
	case e.Observed:
		return answer, errObserved
	case h != nil && !h.asynchronous():
		return answer, errPassedOn
	}
	q, fault, err := o.judgeRefused(ctx, e)
	switch {
	case err != nil:
		return answer, err
	case fault != nil && (verifiers.ReasonOf(fault) == "" || verifiers.ReasonOf(fault) == verifiers.UnavailableKey):
		return answer, fmt.Errorf("%w: %w", queue.ErrUnavailable, fault)
	case fault != nil:
		return answer, fmt.Errorf("%w: %w", errStill, fault)
	case e.Accepted != (queue.ID{}) && h.window == 0: // there is no key to recognise it by
		answer.Outcome = queue.Duplicate.String()
		return answer, nil
	}
	if err := q.acceptAgain(refusedHeader, e.Message.ID.String()); err != nil {
		return answer, err
	}
	answer.Outcome = queue.New.String()
	if q.dropped() {
		answer.Outcome = q.verdict.String()
		return answer, nil
	}
	answer.MessageID = q.facts.messageID
	id, err := parseID(answer.MessageID)
	if err != nil {
		return answer, err
	}
	o.shared.refused.Settle(e.Message.ID, id)
	return answer, nil
}

// gatewayAtFault reports whether an error of acceptOne says nothing about the request.
func gatewayAtFault(err error) bool {
	return errors.Is(err, queue.ErrUnavailable) || errors.Is(err, queue.ErrFull) || errors.Is(err, errNoRoom) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (a *adminAPI) acceptRefused(w http.ResponseWriter, r *http.Request) error {
	o, e, err := a.findRefused(r)
	if err != nil {
		return err
	}
	defer o.release()
	done, err := o.shared.look(r.Context())
	if err != nil {
		return err
	}
	defer done()
	answer, err := o.acceptOne(r.Context(), e)
	switch {
	case gatewayAtFault(err):
		return apiFailure(http.StatusServiceUnavailable, "%w", err)
	case err != nil:
		return apiFailure(http.StatusUnprocessableEntity, "%s", o.redactor(e.Message.Endpoint).plain(err.Error()))
	}
	return writeJSON(w, answer)
}

func (a *adminAPI) acceptRefusedMany(w http.ResponseWriter, r *http.Request) error {
	var ask adminapi.RefusedBulk
	if err := readJSON(r, &ask); err != nil {
		return err
	}
	limit := adminapi.MaxPage
	if ask.Limit != 0 {
		var err error
		if limit, err = parseLimit(strconv.Itoa(ask.Limit), limit, limit); err != nil {
			return err
		}
	}
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	now := time.Now()
	filter, err := o.settleRefused(ask.Filter, now)
	if err != nil {
		return err
	}
	if filter.Until.IsZero() {
		filter.Until = now
	}
	list := o.refusedList(filter, now)
	slices.Reverse(list) // events keep their order
	if list, err = after(list, ask.After, false); err != nil {
		return err
	}
	c := &chunk{opened: o}
	c.done.Until = filter.Until.UTC()
	for i := range list {
		if c.done.Matched == limit || time.Since(now) > longestRequest {
			c.done.Next = queue.Cursor(list[i-1].Message.ID.String())
			break
		}
		c.done.Matched++
		if err := o.acceptNext(r.Context(), c, &list[i]); err != nil {
			return apiFailure(http.StatusServiceUnavailable, "%w; %d of this chunk were accepted, and to repeat it does no harm", err, c.done.Changed)
		}
	}
	c.done.Note = o.noteOfRefused(c.done.Matched, ask.After)
	return writeJSON(w, c.done)
}

// acceptNext accepts one of many, and counts the outcome. It returns an error if the
// others would fail too.
func (o *opened) acceptNext(ctx context.Context, c *chunk, e *refused.Entry) error {
	done, err := o.shared.look(ctx)
	if err != nil {
		return err
	}
	defer done()
	if e.Accepted != (queue.ID{}) {
		c.skip(queue.Duplicate.String())
		return nil
	}
	answer, err := o.acceptOne(ctx, e)
	switch {
	case gatewayAtFault(err):
		return err
	case errors.Is(err, errStill):
		c.skip(string(verifiers.ReasonOf(err)))
	case err != nil:
		c.skip("impossible")
	case answer.Outcome != queue.New.String():
		c.skip(answer.Outcome)
	default:
		c.done.Changed++
	}
	return nil
}
