package caddymodule

import (
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/hookwicket/hookwicket/adminapi"
)

// TestRecentHour: a count is in its minute for 60 minutes and then gone, also when the
// ring was not touched meanwhile.
func TestRecentHour(t *testing.T) {
	var r recent
	if sum, list := r.outcome(recentAccepted, time.Hour); sum != 0 || list != nil || r.latency(time.Hour) != nil {
		t.Errorf("a new one says %d %v", sum, list)
	}
	at := 7*time.Minute + 30*time.Second
	for range 3 {
		r.count(recentAccepted, at)
	}
	r.count(recentRefused, at)
	for _, x := range []struct {
		after time.Duration
		sum   int64
		index int
	}{{0, 3, 59}, {29 * time.Second, 3, 59}, {30 * time.Second, 3, 58}, {59 * time.Minute, 3, 0}, {59*time.Minute + 30*time.Second, 0, -1}, {24 * time.Hour, 0, -1}} {
		sum, list := r.outcome(recentAccepted, at+x.after)
		if sum != x.sum || x.sum > 0 && (len(list) != 60 || list[x.index] != 3) {
			t.Errorf("after %v: %d %v", x.after, sum, list)
		}
	}
	// The same place of the ring, an hour later.
	r.count(recentAccepted, at+time.Hour)
	if sum, list := r.outcome(recentAccepted, at+time.Hour); sum != 1 || list[59] != 1 {
		t.Errorf("an hour later: %d %v", sum, list)
	}
	if sum, _ := r.outcome(recentRefused, at+time.Hour); sum != 0 {
		t.Errorf("%d refused of the hour before", sum)
	}
}

// TestRecentLatency: percentiles are as exact as the buckets, and leave after an hour.
func TestRecentLatency(t *testing.T) {
	var r recent
	at := 3 * time.Minute
	for i := range 100 {
		r.took(time.Duration(i+1)*time.Millisecond, at)
	}
	l := r.latency(at + 55*time.Minute)
	if l == nil || l.Count != 100 || math.Abs(l.P50-0.050) > 0.001 || math.Abs(l.P95-0.095) > 0.015 {
		t.Fatalf("%+v", l)
	}
	if l := r.latency(at + time.Hour); l != nil {
		t.Errorf("after an hour: %+v", l)
	}
	for _, d := range []time.Duration{-time.Second, 0, math.MaxInt64} {
		var r recent
		r.took(d, at)
		if l := r.latency(at); l == nil || l.P95 < 0 || l.P95 > 1100 || math.IsNaN(l.P50) {
			t.Errorf("%v: %+v", d, l)
		}
	}
}

// TestRecentMemory: an hour takes what the documents say.
func TestRecentMemory(t *testing.T) {
	if n := unsafe.Sizeof(hour{}); n > 4<<10 {
		t.Errorf("%d bytes", n)
	}
	if n := unsafe.Sizeof(recent{}); n > 8 {
		t.Errorf("%d bytes while nothing came", n)
	}
}

// TestRecentAtOnce: many that count at once as a minute begins lose nothing.
func TestRecentAtOnce(t *testing.T) {
	var r recent
	for minute := range int64(130) {
		var all sync.WaitGroup
		now := time.Duration(minute) * time.Minute
		for range 8 {
			all.Go(func() {
				for range 10 {
					r.count(recentDelivered, now)
					r.took(time.Millisecond, now)
				}
			})
		}
		all.Wait()
		if _, list := r.outcome(recentDelivered, now); list[59] != 80 {
			t.Fatalf("minute %d: %d of 80", minute, list[59])
		}
	}
	if l := r.latency(130*time.Minute - 1); l.Count != 60*80 {
		t.Errorf("%d durations of %d", l.Count, 60*80)
	}
}

func BenchmarkRecent(b *testing.B) {
	var r recent
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			now := uptime()
			r.count(recentAccepted, now)
			r.took(time.Millisecond, now)
		}
	})
}

// TestAdminRecent: the API has the last hour of endpoints and forwards, and a reload
// keeps it. The counts are the process's, so the test compares them.
func TestAdminRecent(t *testing.T) {
	good, bad := newUpstream(t), newUpstream(t)
	bad.status(http.StatusGone)
	s := by("github")
	site := s.directive("forward {\n as audit\n reverse_proxy " + good.addr + "\n}\nforward {\n as billing\n reverse_proxy " + bad.addr + "\n}")
	g, c := startAdmin(t, setup{site: site})
	look := func() adminapi.Endpoint { return get[adminapi.Endpoint](c, "GET", "/endpoints/github", nil) }
	was, total := look(), get[adminapi.Status](c, "GET", "/status", nil).Totals
	g.expect(200, s.with(g, `{"a":1}`, time.Now(), "evt_recent"))
	g.expect(200, s.with(g, `{"a":1}`, time.Now(), "evt_recent"))
	g.expect(401, forged(s.with(g, `{"a":2}`, time.Now(), "evt_forged")))
	check := func(when string) {
		t.Helper()
		until(t, "the attempts "+when, func() bool {
			now := look()
			return now.Forwards[0].Recent.Delivered+now.Forwards[1].Recent.Delivered == was.Forwards[0].Recent.Delivered+was.Forwards[1].Recent.Delivered+1 &&
				now.Forwards[0].Recent.Failed+now.Forwards[1].Recent.Failed == was.Forwards[0].Recent.Failed+was.Forwards[1].Recent.Failed+1
		})
		now := look()
		if r, w := now.Recent, was.Recent; r.Accepted != w.Accepted+1 || r.Dropped != w.Dropped+1 || r.Refused != w.Refused+1 ||
			len(r.AcceptedByMinute) != 60 || len(r.RefusedByMinute) != 60 {
			t.Errorf("%s: %+v, before: %+v", when, r, w)
		}
		for _, f := range now.Forwards {
			if f.Latency == nil || f.Latency.P50 <= 0 || f.Latency.P95 < f.Latency.P50 || f.Latency.Count < 1 {
				t.Errorf("%s: %s: %+v", when, f.Destination, f.Latency)
			}
		}
		if now.Latency == nil || now.Latency.P50 <= 0 {
			t.Errorf("%s: latency %+v", when, now.Latency)
		}
		n := get[adminapi.Status](c, "GET", "/status", nil).Totals
		if n.AcceptedLately != total.AcceptedLately+1 || n.RefusedLately != total.RefusedLately+1 || n.DeliveredLately != total.DeliveredLately+1 || n.FailedLately != total.FailedLately+1 {
			t.Errorf("%s: totals %+v, before: %+v", when, n, total)
		}
	}
	check("before a reload")
	g.load(site + "\n# another configuration")
	check("after a reload")
}

// forged spoils the signature of a request.
func forged(r *http.Request) *http.Request {
	r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
	return r
}
