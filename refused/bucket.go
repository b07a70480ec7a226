package refused

import (
	"time"

	"golang.org/x/time/rate"
)

// How many requests a second are taken, and how many at once.
const (
	perEndpoint = 20
	perSecond   = 100
)

// A long body has to be hashed, so it costs a token for each part of this size.
const bytesPerToken = 64 << 10

// newBucket returns a full bucket with the tokens of one second.
func newBucket(tokens int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(tokens), tokens)
}

// spares reports whether a bucket has the tokens for a request, and those that the
// request must leave to others.
func (a Arrival) spares(b *rate.Limiter, now time.Time) bool {
	return b.TokensAt(now) >= float64(a.cost())+a.leave(float64(b.Burst()))
}

// cost returns the tokens that a request takes. The longest bodies take half of the
// tokens of an endpoint.
func (a Arrival) cost() int { return min(1+a.Size/bytesPerToken, perEndpoint/2) }
