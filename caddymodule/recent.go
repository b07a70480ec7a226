package caddymodule

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
)

// recent counts the outcomes of the last hour and their durations: of one endpoint's
// requests, or of one destination's attempts. The zero value is ready and takes 8 bytes.
// The first outcome allocates an hour.
//
// A histogram of Prometheus counts from the start of the process on. A summary has a
// window, but takes a lock for each value. Counting here is a few atomic operations.
//
// All times are those since the start of the process, by the monotonic clock. Setting
// the clock therefore moves nothing.
type recent struct{ hour atomic.Pointer[hour] }

// The outcomes that are counted, of requests and of attempts.
const (
	recentAccepted, recentDelivered = 0, 0
	recentRefused, recentFailed     = 1, 1 // refused, or would be
	recentDropped                   = 2    // duplicates and replays
	recentOutcomes                  = 3
)

const (
	recentMinutes = 60
	recentSpan    = 5 * time.Minute // of the durations
	recentSpans   = 12
)

// durationBounds are the upper bounds of all buckets but the last: 125 µs, and each √2
// times the one before, up to 17 minutes.
var durationBounds = func() (b [47]time.Duration) {
	for i := range b {
		b[i] = time.Duration(float64(125*time.Microsecond) * math.Pow(2, float64(i)/2))
	}
	return b
}()

// hour is a ring of minutes and one of five-minute spans. It takes less than 4 KiB.
type hour struct {
	mu      sync.Mutex // to begin a part of a ring anew
	minutes [recentMinutes]part[[recentOutcomes]atomic.Uint32]
	spans   [recentSpans]part[[len(durationBounds) + 1]atomic.Uint32]
}

// part is one part of a ring. Its age is the number of the minute or span that it
// counts, plus 1, so that 0 is one that was never used.
type part[C any] struct {
	age    atomic.Int64
	counts C
}

// uptime is the time since the start of the process. No setting of the clock changes it.
func uptime() time.Duration { return time.Since(processBegan) }

func (r *recent) made() *hour {
	if h := r.hour.Load(); h != nil {
		return h
	}
	r.hour.CompareAndSwap(nil, new(hour))
	return r.hour.Load()
}

// count counts an outcome.
func (r *recent) count(outcome int, now time.Duration) {
	h, age := r.made(), int64(now/time.Minute)+1
	m := &h.minutes[age%recentMinutes]
	if m.age.Load() < age {
		h.begin(&m.age, age, m.counts[:])
	}
	m.counts[outcome].Add(1)
}

// took counts a duration.
func (r *recent) took(d, now time.Duration) {
	h, age := r.made(), int64(now/recentSpan)+1
	s := &h.spans[age%recentSpans]
	if s.age.Load() < age {
		h.begin(&s.age, age, s.counts[:])
	}
	i, _ := slices.BinarySearch(durationBounds[:], d)
	s.counts[i].Add(1)
}

// begin clears a part of a ring before its age is the new one, so that no reader takes
// old counts for new ones.
func (h *hour) begin(age *atomic.Int64, next int64, counts []atomic.Uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if age.Load() >= next {
		return
	}
	for i := range counts {
		counts[i].Store(0)
	}
	age.Store(next)
}

// outcome returns the counts of an outcome by minute, the oldest first, and their sum.
// The last minute is the current one. Without any the list is nil.
func (r *recent) outcome(outcome int, now time.Duration) (sum int64, byMinute []int64) {
	h := r.hour.Load()
	if h == nil {
		return 0, nil
	}
	last := int64(now/time.Minute) + 1
	byMinute = make([]int64, recentMinutes)
	for i := range h.minutes {
		m := &h.minutes[i]
		back := last - m.age.Load()
		if back < 0 || back >= recentMinutes {
			continue
		}
		n := int64(m.counts[outcome].Load())
		byMinute[recentMinutes-1-back] = n
		sum += n
	}
	if sum == 0 {
		return 0, nil
	}
	return sum, byMinute
}

// latency returns the percentiles of the durations; nil without any.
func (r *recent) latency(now time.Duration) *adminapi.Latency {
	h := r.hour.Load()
	if h == nil {
		return nil
	}
	var counts [len(durationBounds) + 1]int64
	var all int64
	last := int64(now/recentSpan) + 1
	for i := range h.spans {
		s := &h.spans[i]
		if back := last - s.age.Load(); back < 0 || back >= recentSpans {
			continue
		}
		for b := range counts {
			n := int64(s.counts[b].Load())
			counts[b] += n
			all += n
		}
	}
	if all == 0 {
		return nil
	}
	return &adminapi.Latency{Count: all, P50: percentile(counts[:], all, 0.5), P95: percentile(counts[:], all, 0.95)}
}

// percentile returns a percentile in seconds, interpolated within its bucket as
// Prometheus does. In the last bucket, which has no upper bound, it is the lower one.
func percentile(counts []int64, all int64, p float64) float64 {
	rank, below := p*float64(all), 0.0
	for i, n := range counts {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		lower := 0.0
		if i > 0 {
			lower = durationBounds[i-1].Seconds()
		}
		if i == len(durationBounds) {
			return lower
		}
		return lower + (durationBounds[i].Seconds()-lower)*(rank-below)/float64(n)
	}
	return durationBounds[len(durationBounds)-1].Seconds()
}

// recentRequests describes the requests of an endpoint in the last hour.
func (l *lately) recentRequests(now time.Duration) (a adminapi.RecentRequests) {
	a.Accepted, a.AcceptedByMinute = l.recentRequest.outcome(recentAccepted, now)
	a.Refused, a.RefusedByMinute = l.recentRequest.outcome(recentRefused, now)
	a.Dropped, _ = l.recentRequest.outcome(recentDropped, now)
	return a
}

// recentAttempts describes the attempts of a destination in the last hour.
func (l *lately) recentAttempts(now time.Duration) (a adminapi.RecentAttempts) {
	a.Delivered, a.DeliveredByMinute = l.recentAttempt.outcome(recentDelivered, now)
	a.Failed, a.FailedByMinute = l.recentAttempt.outcome(recentFailed, now)
	return a
}
