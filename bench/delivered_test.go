package bench

import (
	"testing"
	"time"
)

// BenchmarkDelivered measures what can be sustained: events are offered as fast
// as they are accepted, and the clock stops when the upstream has the last one.
func BenchmarkDelivered(b *testing.B) {
	compare(b,
		contender{name: "reverse_proxy", measure: run{site: "reverse_proxy"}.measure},
		contender{
			name: "delivered", label: "accepted and delivered",
			measure: run{site: "github"}.measureDelivered,
			ratios:  []ratio{{to: "reverse_proxy", atLeast: 0.7}},
		},
	)
}

// measureDelivered reports deliveries as requests per second, and also fails
// when an event is lost or arrives twice.
func (r run) measureDelivered(b *testing.B) figures {
	s := r.begin(b)
	defer s.end()
	warm, err := s.load.offer(s.address, s.batch, warmUp())
	if err != nil {
		s.fail(b, err)
	}
	awaitAll(b, s, warm.count)
	s.startProfile()
	used := s.process.used()
	a, err := s.load.offer(s.address, s.batch, duration(seconds))
	if err != nil {
		s.fail(b, err)
	}
	last := awaitAll(b, s, warm.count+a.count)
	time.Sleep(100 * time.Millisecond) // for what should not come
	awaitAll(b, s, warm.count+a.count)
	f := s.cost(a.count, used)
	f[perSecond] = float64(a.count) / last.Sub(a.began).Seconds()
	f["accepted/s"] = a.perSecond()
	f[p50], f[p99] = a.quantile(0.5), a.quantile(0.99)
	return f
}

// awaitAll waits until the upstream has so many events, and returns when the
// last one arrived.
func awaitAll(b *testing.B, s *session, events int) time.Time {
	b.Helper()
	return awaitEvents(b, s.process, events)
}

// awaitEvents is awaitAll for the events of a gateway.
func awaitEvents(b *testing.B, gateway *process, events int) time.Time {
	b.Helper()
	const patience = 10 * time.Second // without any arrival
	progress, before := time.Now(), int64(0)
	for {
		r := arrivals(b)
		switch {
		case r.Again+r.Strange > 0 || r.Distinct > int64(events):
			b.Fatalf("of %d events the upstream has got %d, %d again, and %d others", events, r.Distinct, r.Again, r.Strange)
		case r.Distinct == int64(events):
			return time.Unix(0, r.Last)
		case r.Distinct > before:
			progress, before = time.Now(), r.Distinct
		case time.Since(progress) > patience:
			b.Fatalf("of %d events the upstream has got only %d\nlog: %s", events, r.Distinct, gateway.lastWords())
		}
		time.Sleep(20 * time.Millisecond)
	}
}
