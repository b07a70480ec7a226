package window

import (
	"math"
	"slices"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// ages counts a destination's waiting deliveries by the minute of their receipt, taken from
// their IDs. Memory grows with the number of minutes and not with the backlog.
type ages []age // sorted

type age struct {
	minute   int64
	count    int64
	earliest int64 // milliseconds
	plain    int64 // number of those without an order key
	first    int64 // milliseconds; the earliest of these
}

func (a *ages) find(id queue.ID) (i int, found bool, milli int64) {
	milli = receivedMilli(id)
	minute := milli / time.Minute.Milliseconds()
	if n := len(*a); n > 0 && (*a)[n-1].minute == minute {
		return n - 1, true, milli
	}
	i, found = slices.BinarySearchFunc(*a, minute, func(x age, m int64) int { return int(x.minute - m) })
	return i, found, milli
}

func (a *ages) add(id queue.ID, inLine bool) {
	i, found, milli := a.find(id)
	if !found {
		*a = slices.Insert(*a, i, age{minute: milli / time.Minute.Milliseconds(), earliest: milli})
	}
	x := &(*a)[i]
	x.count++
	x.earliest = min(x.earliest, milli)
	if !inLine {
		if x.plain++; x.plain == 1 {
			x.first = milli
		}
		x.first = min(x.first, milli)
	}
}

func (a *ages) remove(id queue.ID, inLine bool) {
	i, found, _ := a.find(id)
	if !found {
		return
	}
	x := &(*a)[i]
	if !inLine {
		x.plain--
	}
	if x.count--; x.count == 0 {
		*a = slices.Delete(*a, i, i+1)
	}
}

// plain is the receipt in milliseconds of the earliest without an order key, exact
// like oldest; MaxInt64: all have one.
func (a *ages) plain() int64 {
	for i := range *a {
		if x := &(*a)[i]; x.plain > 0 {
			return x.first
		}
	}
	return math.MaxInt64
}

// newest is when a delivery was received of the youngest that wait, in
// nanoseconds.
func (a *ages) newest() int64 {
	if len(*a) == 0 {
		return 0
	}
	return (*a)[len(*a)-1].earliest * int64(time.Millisecond)
}

func (a *ages) oldest() time.Time {
	if len(*a) == 0 {
		return time.Time{}
	}
	return time.UnixMilli((*a)[0].earliest)
}
