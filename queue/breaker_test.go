package queue

import (
	"math/rand/v2"
	"testing"
	"time"
)

// plainBreaker is a circuit as one would tell it: it keeps all that happened.
type plainBreaker struct {
	c       Circuit
	most    int
	state   CircuitState
	happens []happened // since the state began
	probes  int        // under way
	until   time.Duration
	pause   time.Duration
	allowed int
	turn    int
}

type happened struct {
	at     time.Duration
	failed bool
}

func (p *plainBreaker) to(s CircuitState) {
	p.state, p.happens, p.probes = s, nil, 0
	p.turn++
}

func (p *plainBreaker) open(now time.Duration) {
	p.to(CircuitOpen)
	p.pause = min(max(2*p.pause, p.c.Open), p.c.OpenMax)
	p.until = now + p.pause
}

func (p *plainBreaker) may(now time.Duration, inFlight int) bool {
	switch p.state {
	case CircuitClosed:
		return inFlight < p.allowed
	case CircuitOpen:
		return now >= p.until && inFlight < p.most
	}
	return p.probes+len(p.happens) < p.c.Probes && inFlight < p.most
}

func (p *plainBreaker) begin() int {
	if p.state == CircuitOpen {
		p.to(CircuitHalfOpen)
	}
	if p.state == CircuitHalfOpen {
		p.probes++
	}
	return p.turn
}

func (p *plainBreaker) end(now time.Duration, turn int, e evidence) {
	if turn != p.turn {
		return
	}
	if p.state == CircuitHalfOpen {
		p.probes--
	}
	if e == tellsNothing {
		return
	}
	p.happens = append(p.happens, happened{now, e == tellsDead})
	switch {
	case p.state == CircuitHalfOpen && e == tellsDead:
		p.open(now)
	case p.state == CircuitHalfOpen && len(p.happens) == p.c.Probes:
		p.to(CircuitClosed)
		p.allowed = 1
	case p.state == CircuitHalfOpen:
	case e == tellsAlive:
		if p.allowed = min(2*p.allowed, p.most); p.allowed == p.most {
			p.pause = 0
		}
	case p.inARow() || p.byShare(now):
		p.open(now)
	case p.allowed < p.most:
		p.allowed = 1
	}
}

func (p *plainBreaker) inARow() bool {
	n := 0
	for i := len(p.happens) - 1; i >= 0 && p.happens[i].failed; i-- {
		n++
	}
	return p.c.Consecutive > 0 && n >= p.c.Consecutive
}

// byShare looks at the last tenths of the window, the one that runs included.
func (p *plainBreaker) byShare(now time.Duration) bool {
	tenth := p.c.Window / 10
	failed, all := 0, 0
	for _, h := range p.happens {
		if now/tenth-h.at/tenth < 10 {
			all++
			if h.failed {
				failed++
			}
		}
	}
	return p.c.Share > 0 && all >= p.c.Minimum && float64(failed)/float64(all) >= p.c.Share
}

// FuzzBreaker: whatever happens, the circuit does what one that remembers
// everything would do.
func FuzzBreaker(f *testing.F) {
	f.Add([]byte{3, 4, 5, 2, 3, 1}, []byte{0, 1, 1, 0, 1, 1, 0, 1, 1, 9, 9, 9, 0, 2, 0, 2})
	f.Add([]byte{255, 2, 4, 1, 1, 2}, []byte{0, 0, 0, 0, 2, 1, 2, 1, 8, 0, 1, 8, 8, 8, 0, 2, 0, 2, 0, 2})
	f.Add([]byte{2, 255, 1, 3, 9, 3}, []byte{0, 0, 1, 1, 7, 7, 7, 7, 0, 0, 0, 2, 2, 2, 0, 3, 0, 1, 1, 1})
	random := rand.NewChaCha8([32]byte{1})
	for range 200 {
		setup, steps := make([]byte, 6), make([]byte, 2000)
		random.Read(setup)
		random.Read(steps)
		setup[0], setup[2] = setup[0]%12, setup[2]%30
		f.Add(setup, steps)
	}
	f.Fuzz(func(t *testing.T, setup, steps []byte) {
		if len(setup) < 6 {
			return
		}
		c := Circuit{
			Consecutive: int(setup[0]), Share: float64(setup[1]) / 10, Minimum: int(setup[2]), Window: time.Second,
			Open: time.Duration(1+setup[3]) * 100 * time.Millisecond, Probes: 1 + int(setup[5])%3,
		}
		if setup[0] > 200 {
			c.Consecutive = -1
		}
		if setup[1] > 200 {
			c.Share = -1
		}
		c.OpenMax = c.Open * time.Duration(1+setup[4]%8)
		most := 3 + int(setup[5])%14
		began := time.Unix(1e9, 0)
		b := newBreaker(c, most, began)
		plain := &plainBreaker{c: b.Circuit, most: most, state: CircuitClosed, allowed: most}
		var flying [][2]int // turns
		now := time.Duration(0)
		for i, step := range steps {
			switch what := step % 12; {
			case what == 0 || what == 4:
				wait, ok := b.admits(began.Add(now), len(flying))
				if want := plain.may(now, len(flying)); ok != want {
					t.Fatalf("step %d: admitted %t, want %t\n%+v\n%+v", i, ok, want, b, plain)
				}
				if !ok && b.state == CircuitOpen && now < plain.until && wait != plain.until-now {
					t.Fatalf("step %d: wait for %v, want %v", i, wait, plain.until-now)
				}
				if ok {
					turn, _ := b.begin(began.Add(now))
					flying = append(flying, [2]int{turn, plain.begin()})
				}
			case what < 4 && len(flying) > 0:
				n := int(step/12) % len(flying)
				e := []evidence{tellsDead, tellsAlive, tellsNothing}[what-1]
				was := b.state
				changed := b.end(began.Add(now), flying[n][0], e, "down")
				plain.end(now, flying[n][1], e)
				flying = append(flying[:n], flying[n+1:]...)
				if changed != (b.state != was) {
					t.Fatalf("step %d: changed %t from %s to %s", i, changed, was, b.state)
				}
			case what > 4:
				now += time.Duration(step) * time.Duration(step%12-4) * time.Millisecond
			}
			if b.state != plain.state || b.state == CircuitClosed && b.allowed != plain.allowed {
				t.Fatalf("step %d: %s %d, want %s %d\n%+v\n%+v", i, b.state, b.allowed, plain.state, plain.allowed, b, plain)
			}
		}
	})
}

// TestEvidence: what tells that an upstream is down, and what does not.
func TestEvidence(t *testing.T) {
	for a, want := range map[Attempt]evidence{
		{Status: 204}:                  tellsAlive,
		{Failure: Status, Status: 404}: tellsAlive,
		{Failure: Status, Status: 410}: tellsAlive,
		{Failure: Status, Status: 302}: tellsAlive,
		{Failure: Status, Status: 429}: tellsDead,
		{Failure: Status, Status: 500}: tellsDead,
		{Failure: Status, Status: 503}: tellsDead,
		{Failure: Refused}:             tellsDead,
		{Failure: Timeout}:             tellsDead,
		{Failure: Reset, Status: 200}:  tellsDead,
		{Failure: TLS}:                 tellsDead,
		{Failure: Broken}:              tellsDead,
		{Failure: Aborted}:             tellsNothing,
	} {
		if got := evidenceOf(a); got != want {
			t.Errorf("%s %d: %v, want %v", a.Failure, a.Status, got, want)
		}
	}
}

// TestWindowClock: a clock that is set does not make the window remember for
// longer than it should, nor break it.
func TestWindowClock(t *testing.T) {
	began := time.Unix(1e9, 0) // a time without a monotonic reading
	w := window{width: time.Second, began: began}
	w.add(began.Add(time.Hour), true)
	w.add(began.Add(time.Hour-3*time.Second), true) // a little back: still the same window
	if failed, _ := w.counts(); failed != 2 {
		t.Errorf("%d failures, want 2", failed)
	}
	w.add(began, true)
	if failed, _ := w.counts(); failed != 1 {
		t.Errorf("%d failures after the clock was set back, want 1", failed)
	}
	began = began.Add(-time.Hour)
	w.add(began, true)
	w.add(began.Add(time.Second), true)
	if failed, _ := w.counts(); failed != 2 {
		t.Errorf("%d failures after it was set back further, want 2", failed)
	}
	w.add(began.Add(11*time.Second), false)
	if failed, all := w.counts(); failed != 0 || all != 1 {
		t.Errorf("%d of %d failures, want none of 1", failed, all)
	}
}
