package refused

import "time"

// recentMinutes is the period of [Ring.Recent].
const recentMinutes = 60

// recent counts the last hour by minute.
type recent struct {
	minutes [recentMinutes]uint32
	last    int64 // the minute of the newest count, since 1970
}

func (c *recent) add(now time.Time) {
	c.forward(now)
	c.minutes[c.last%recentMinutes]++
}

// forward clears the minutes that have passed since the last count.
func (c *recent) forward(now time.Time) {
	minute := now.Unix() / 60
	if minute-c.last >= recentMinutes {
		*c = recent{last: minute}
	}
	for ; c.last < minute; c.last++ {
		c.minutes[(c.last+1)%recentMinutes] = 0
	}
}

func (c *recent) sum(now time.Time) (n int64) {
	c.forward(now)
	for _, m := range c.minutes {
		n += int64(m)
	}
	return n
}

// remove takes n away, the newest first.
func (c *recent) remove(n int64) {
	for i := range int64(recentMinutes) {
		m := &c.minutes[(c.last-i+recentMinutes)%recentMinutes]
		taken := min(n, int64(*m))
		*m -= uint32(taken)
		n -= taken
	}
}
