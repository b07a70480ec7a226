package caddymodule

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestDeadlines: a request has its context for as long as it asked, and hardly longer,
// also where it shares it.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l deadlines
		first := l.after(time.Now(), time.Second)
		if l.after(time.Now(), time.Second) != first {
			t.Error("two requests of the same moment have contexts of their own")
		}
		time.Sleep(shareFor - 1)
		began := time.Now()
		last := l.after(began, time.Second)
		if last != first {
			t.Error("a request within the time of sharing has its own")
		}
		longer := l.after(began, 2*time.Second)
		<-last.Done()
		if took := time.Since(began); took < time.Second || took > time.Second+shareFor {
			t.Errorf("the context ended after %v", took)
		}
		if longer.Err() != nil {
			t.Error("another duration got the same context")
		}
		if next := l.after(time.Now(), time.Second); next == first || next.Err() != nil {
			t.Error("a later request got a context that is over")
		}
		<-longer.Done()
		<-l.after(time.Now(), 0).Done() // no timer stays behind
		time.Sleep(time.Minute)
	})
}
