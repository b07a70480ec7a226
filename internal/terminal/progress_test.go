package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// clockwork is a progress whose clock the test turns.
func clockwork(total int64, bar bool) (p *Progress, out *bytes.Buffer, pass func(time.Duration)) {
	now := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	out = new(bytes.Buffer)
	p = &Progress{out: out, bar: bar, width: func() int { return 80 }, what: "redelivering", Total: total,
		now: func() time.Time { return now }, began: now, last: now}
	return p, out, func(d time.Duration) { now = now.Add(d) }
}

func TestProgressLines(t *testing.T) {
	p, out, pass := clockwork(30000, false)
	p.Step(10)
	pass(4 * time.Second)
	p.Step(8000)
	if out.Len() > 0 {
		t.Errorf("too early: %q", out)
	}
	pass(time.Second)
	p.Step(10000)
	pass(time.Second)
	p.Step(12000)
	p.End()
	if got, want := out.String(), "redelivering: 10,000 of 30,000, 2,000/s, 10s left\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestProgressBar(t *testing.T) {
	p, out, pass := clockwork(1000, true)
	pass(barPause)
	p.Step(250)
	if got := out.String(); !strings.Contains(got, "[#######") || !strings.HasSuffix(got, "] 250 of 1,000") {
		t.Errorf("%q", got)
	}
	for done := int64(500); done <= 1500; done += 500 { // more than was counted
		out.Reset()
		pass(time.Second)
		p.Step(done)
		line := out.String()
		if !strings.HasPrefix(line, "\r") || strings.Contains(line, "\n") || len(line) > 80 {
			t.Errorf("%d: %q", done, line)
		}
	}
	out.Reset()
	p.End()
	if got := strings.Trim(out.String(), "\r "); got != "" || !strings.HasSuffix(out.String(), "\r") {
		t.Errorf("left behind: %q", out)
	}
}

func TestProgressNarrow(t *testing.T) {
	p, out, pass := clockwork(1000, true)
	p.width = func() int { return 20 }
	pass(barPause)
	p.Step(250)
	if got := out.String(); len(got) > 20 {
		t.Errorf("%q", got)
	}
}
