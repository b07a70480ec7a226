package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// over returns the policy of a forward, with the fields of its endpoint's policy where
// the forward has none.
func (p Policy) over(base Policy) Policy {
	return Policy{
		Retry:       layRetry(p.Retry, base.Retry),
		Circuit:     layCircuit(p.Circuit, base.Circuit),
		Concurrency: cmp.Or(p.Concurrency, base.Concurrency),
		Rate:        cmp.Or(p.Rate, base.Rate),
		SignWith:    cmp.Or(p.SignWith, base.SignWith),
		Order:       cmp.Or(p.Order, base.Order),
	}
}

func layRetry(r, base *Retry) *Retry {
	if r == nil || base == nil || r.Off {
		return cmp.Or(r, base)
	}
	laid := &Retry{
		Attempts:   cmp.Or(r.Attempts, base.Attempts),
		Age:        cmp.Or(r.Age, base.Age),
		Backoff:    cmp.Or(r.Backoff, base.Backoff),
		Timeout:    cmp.Or(r.Timeout, base.Timeout),
		Final:      r.Final,
		RetryAfter: cmp.Or(r.RetryAfter, base.RetryAfter),
	}
	if laid.Final == nil {
		laid.Final = base.Final
	}
	return laid
}

func layCircuit(c, base *Circuit) *Circuit {
	if c == nil || base == nil || c.Off {
		return cmp.Or(c, base)
	}
	return &Circuit{
		Consecutive: cmp.Or(c.Consecutive, base.Consecutive),
		Share:       cmp.Or(c.Share, base.Share),
		Minimum:     cmp.Or(c.Minimum, base.Minimum),
		Window:      cmp.Or(c.Window, base.Window),
		Open:        cmp.Or(c.Open, base.Open),
		OpenMax:     cmp.Or(c.OpenMax, base.OpenMax),
		Probes:      cmp.Or(c.Probes, base.Probes),
	}
}

// check returns an error for values that make no sense. The Caddyfile parser has found
// most of them already, but not those of a JSON configuration.
func (p Policy) check() error {
	for _, check := range []func() error{p.Retry.check, p.Circuit.check, p.Rate.check, p.SignWith.check, p.Order.check} {
		if err := check(); err != nil {
			return err
		}
	}
	if p.Concurrency < 0 {
		return fmt.Errorf("concurrency %d is no number of attempts", p.Concurrency)
	}
	return nil
}

func (r *Retry) check() error {
	if r == nil {
		return nil
	}
	if r.Timeout < 0 {
		return errors.New("retry: the timeout of an attempt is a positive duration")
	}
	if b := r.Backoff; b != nil {
		switch {
		case b.Base < 0 || b.Cap < 0:
			return errors.New("retry: the pauses of a backoff are positive durations")
		case b.Factor != 0 && b.Factor < 1:
			return fmt.Errorf("retry: backoff factor %v is below 1", b.Factor)
		case b.Cap > 0 && b.Cap < b.Base:
			return fmt.Errorf("retry: the longest pause %s of the backoff is shorter than its first %s",
				span(time.Duration(b.Cap)), span(time.Duration(b.Base)))
		}
	}
	if _, err := r.final(); err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	return nil
}

func (c *Circuit) check() error {
	switch {
	case c == nil:
	case c.Share > 1:
		return fmt.Errorf("circuit: share %v is above 1, which is all attempts", c.Share)
	case c.Minimum < 0 || c.Probes < 0:
		return errors.New("circuit: minimum and probes are numbers from 1 on")
	case c.Window < 0 || c.Open < 0 || c.OpenMax < 0:
		return errors.New("circuit: window and open are positive durations")
	case c.OpenMax > 0 && c.OpenMax < c.Open:
		return fmt.Errorf("circuit: the longest pause %s is shorter than the first %s",
			span(time.Duration(c.OpenMax)), span(time.Duration(c.Open)))
	}
	return nil
}

func (r *Rate) check() error {
	switch {
	case r == nil || r.Off:
	case r.Events < 1:
		return fmt.Errorf("rate: %d events are not a limit; set events to 1 or more, or off", r.Events)
	case r.Per < 0 || r.Burst < 0:
		return errors.New("rate: per is a positive duration, and burst a number from 1 on")
	}
	return nil
}

func (s *SignWith) check() error {
	if s != nil && !s.Off && (len(s.Secrets) == 0 || slices.Contains(s.Secrets, "")) {
		return errors.New("sign_with: there is no secret, or an empty one")
	}
	return nil
}

func (o *Order) check() error {
	if o == nil {
		return nil
	}
	given := 0
	for _, set := range []bool{o.Off, o.JSON != "", o.Header != "", o.EventType} {
		if set {
			given++
		}
	}
	if given > 1 {
		return errors.New("order: write one of by json, by header and by event_type, not several")
	}
	return nil
}

// final returns a test for final statuses, from words such as 410, 4xx and none. It
// is nil without any word: the default is [queue.Backoff]'s.
func (r *Retry) final() (func(status int) bool, error) {
	if len(r.Final) == 0 {
		return nil, nil
	}
	var set [600]bool
	has := func(status int) bool { return status >= 0 && status < len(set) && set[status] }
	for _, w := range r.Final {
		if w == "none" {
			if len(r.Final) > 1 {
				return nil, errors.New("final: none stands alone")
			}
			return has, nil
		}
		first, last := w, w
		if class, ok := strings.CutSuffix(strings.ToLower(w), "xx"); ok {
			first, last = class+"00", class+"99"
		}
		from, to := atoi3(first), atoi3(last)
		if from >= 200 && to < 300 {
			return nil, fmt.Errorf("final: an attempt that is answered with %s has succeeded", w)
		}
		if from < 300 || to > 599 {
			return nil, fmt.Errorf("final: %q is no status of a failure, such as 410, 4xx or 5xx", w)
		}
		for status := from; status <= to; status++ {
			set[status] = true
		}
	}
	return has, nil
}

// atoi3 reads three digits; -1: it is something else.
func atoi3(s string) (n int) {
	if len(s) != 3 {
		return -1
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// queue returns a checked policy for a worker. Zero fields stay zero: package queue
// has the defaults.
func (p Policy) queue() queue.Policy {
	q := queue.Policy{Concurrency: p.Concurrency}
	if r := p.Retry; r != nil {
		q.Timeout = time.Duration(r.Timeout)
		q.Backoff.MaxAttempts = max(0, r.Attempts)
		q.Backoff.MaxAge = time.Duration(r.Age)
		q.Backoff.RetryAfterMax = time.Duration(r.RetryAfter)
		q.Backoff.Final, _ = r.final()
		if b := r.Backoff; b != nil {
			q.Backoff.Base, q.Backoff.Factor, q.Backoff.Cap = time.Duration(b.Base), b.Factor, time.Duration(b.Cap)
		}
		if r.Off {
			q.Backoff.MaxAttempts = 1
		}
	}
	if c := p.Circuit; c != nil {
		q.Circuit = queue.Circuit{
			Off: c.Off, Consecutive: c.Consecutive, Share: c.Share, Minimum: c.Minimum,
			Window: time.Duration(c.Window), Open: time.Duration(c.Open), OpenMax: time.Duration(c.OpenMax), Probes: c.Probes,
		}
	}
	if r := p.Rate; r != nil && !r.Off {
		q.Rate = queue.Rate{Events: r.Events, Per: time.Duration(r.Per), Burst: r.Burst}
	}
	return q
}

func (r *Redact) check() error {
	if r != nil && (slices.Contains(r.Headers, "") || slices.Contains(r.JSON, "")) {
		return errors.New("redact: there is an empty name")
	}
	return nil
}
