package keysource

import (
	"errors"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// Limits on the documents that requests name. Every forged request can name
// another one, so the fetches are counted per source, not per document.
const (
	burst      = 20              // fetches at once from one source
	refill     = 3 * time.Second // then one in this time
	maxBudgets = 1000
)

var errBusy = errors.New("too many keys were asked for by names that are not known; only known keys are used until there is room for another fetch")

// origin identifies a budget. It is the pins where the request chose the URL, since it
// may choose the host as well, else the host. Newer versions of known documents have
// their own budget, so that a flood of invented names does not delay a rotation.
type origin struct {
	place string
	newer bool
}

func originOf(r verifiers.KeyRequest, host string, newer bool) origin {
	if len(r.Pin) > 0 {
		return origin{strings.Join(r.Pin, "\n"), newer}
	}
	return origin{host, newer}
}

// budget is a token bucket. The zero value is full.
type budget struct {
	spent float64   // fetches, less those refilled since
	at    time.Time // when spent was computed
}

func (b *budget) settle(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.spent = max(0, b.spent-float64(passed)/float64(refill))
	}
	b.at = now
}

// afford takes one fetch off the budget of an origin, or returns false if none is left.
// Fixed documents are free: there are no more of them than endpoints, and each has its
// own limit. The mutex is held.
func (s *Source) afford(r verifiers.KeyRequest, host string, newer bool) bool {
	if r.Fixed {
		return true
	}
	of, now := originOf(r, host, newer), s.now()
	b := s.budgets[of]
	if b == nil {
		if len(s.budgets) >= maxBudgets {
			s.dropBudgets(now)
		}
		b = &budget{at: now}
		s.budgets[of] = b
	}
	if b.settle(now); b.spent > burst-1 {
		return false
	}
	b.spent++
	return true
}

// dropBudgets makes room: it forgets the budgets that are full, or where there
// are none, the one with most left.
func (s *Source) dropBudgets(now time.Time) {
	var most origin
	var found *budget
	for of, b := range s.budgets {
		if b.settle(now); b.spent == 0 {
			delete(s.budgets, of)
		} else if found == nil || b.spent < found.spent {
			most, found = of, b
		}
	}
	if len(s.budgets) >= maxBudgets {
		delete(s.budgets, most)
	}
}
