package caddymodule

import (
	"context"
	"sync/atomic"
	"time"
)

// deadlines makes contexts that end some time after their request, whatever becomes of
// its sender. Requests that follow each other closely share one, because a context with
// a timer of its own costs ten allocations. The zero deadlines is ready for use.
type deadlines struct{ latest atomic.Pointer[deadline] }

// deadline is a context that requests may share until it is stale.
type deadline struct {
	context.Context
	lasts time.Duration
	stale time.Time
}

// shareFor is how long a context is shared.
const shareFor = 100 * time.Millisecond

// after returns a context that ends between d and d plus shareFor after now.
func (l *deadlines) after(now time.Time, d time.Duration) context.Context {
	if latest := l.latest.Load(); latest != nil && latest.lasts == d && now.Before(latest.stale) {
		return latest.Context
	}
	ctx, cancel := context.WithTimeout(context.Background(), d+shareFor)
	context.AfterFunc(ctx, cancel) // nobody cancels it earlier: others may use it
	l.latest.Store(&deadline{ctx, d, now.Add(shareFor)})
	return ctx
}
