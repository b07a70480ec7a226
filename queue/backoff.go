package queue

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"time"
)

// Backoff says when a failed delivery is attempted again and when it is given
// up. The zero value of each field stands for its default.
//
// The pause before attempt n+1 is drawn evenly from the time up to
// Base × Factor^(n-1), at most Cap: "full jitter", which spreads the deliveries
// that failed together in an outage. A tenth of Base is the least, so that
// no draw makes a delivery spin.
type Backoff struct {
	Base        time.Duration // default 5 s
	Factor      float64       // default 2
	Cap         time.Duration // default 1 h, or Base where it is longer
	MaxAge      time.Duration // from the receipt, or a person's redelivery, to the last attempt; default 72 h; negative: no limit
	MaxAttempts int           // 0: no limit
	// RetryAfterMax bounds the pause that an upstream's Retry-After asks for. Default:
	// Cap; negative: Retry-After is ignored.
	RetryAfterMax time.Duration
	// Final reports whether a status ends the delivery without another attempt. Default:
	// 410 Gone.
	Final func(status int) bool
	// Random returns numbers in [0, 1). Default: math/rand/v2.
	Random func() float64
}

func (b Backoff) withDefaults() Backoff {
	if b.Base <= 0 {
		b.Base = 5 * time.Second
	}
	if b.Factor < 1 {
		b.Factor = 2
	}
	if b.Cap <= 0 {
		b.Cap = max(time.Hour, b.Base)
	}
	if b.MaxAge == 0 {
		b.MaxAge = 72 * time.Hour
	}
	if b.RetryAfterMax == 0 {
		b.RetryAfterMax = b.Cap
	}
	if b.Final == nil {
		b.Final = func(status int) bool { return status == http.StatusGone }
	}
	if b.Random == nil {
		b.Random = rand.Float64
	}
	return b
}

// Delay is the pause after the given number of failed attempts, one or more.
func (b Backoff) Delay(attempts int) time.Duration {
	b = b.withDefaults()
	limit := b.Cap
	// In floating point, as the power may be too large for a Duration.
	if grown := float64(b.Base) * math.Pow(b.Factor, float64(attempts-1)); grown < float64(b.Cap) {
		limit = time.Duration(grown)
	}
	floor := min(b.Base/10, limit)
	if pause := floor + time.Duration(b.Random()*float64(limit-floor)); pause >= floor {
		return min(pause, limit)
	}
	return limit
}

// Next returns the time of the next attempt after one that ended at now with err, or
// again = false if the delivery is given up. An error made by [RetryAfter] lengthens the
// drawn pause, but not beyond RetryAfterMax. A delivery that would be older than MaxAge
// after the pause is given up at once.
func (b Backoff) Next(d *Delivery, now time.Time, err error) (at time.Time, again bool) {
	b = b.withDefaults()
	attempts := d.Attempts + 1
	if b.MaxAttempts > 0 && attempts >= b.MaxAttempts {
		return time.Time{}, false
	}
	var status StatusError
	if FailureOf(err) == Status && errors.As(err, &status) && b.Final(status.Status) {
		return time.Time{}, false
	}
	pause := b.Delay(attempts)
	var asked *retryAfter
	if errors.As(err, &asked) {
		pause = max(pause, min(asked.pause, b.RetryAfterMax))
	}
	at = now.Add(pause)
	if b.MaxAge >= 0 && at.After(d.Began().Add(b.MaxAge)) {
		return time.Time{}, false
	}
	return at, true
}

// RetryAfter adds to an attempt's error the pause that the upstream asked for.
func RetryAfter(err error, pause time.Duration) error {
	return &retryAfter{err, pause}
}

type retryAfter struct {
	err   error
	pause time.Duration
}

func (e *retryAfter) Error() string { return fmt.Sprintf("%v (retry after %v)", e.err, e.pause) }
func (e *retryAfter) Unwrap() error { return e.err }
