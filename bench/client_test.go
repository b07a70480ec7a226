package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The client does no more than it must, since it shares the machine with what
// it measures: requests are ready as bytes, and of an answer it reads the
// status and the length.

// answers are what became of the requests that were offered.
type answers struct {
	count     int
	began     time.Time
	lasted    time.Duration
	latencies []uint32 // microseconds, sorted
}

// load says how events are offered.
type load struct {
	connections int
	rate        float64 // events per second over all connections; 0: as fast as they are answered
}

// offer sends events over all connections for as long as it is told. Any answer but 200
// is an error.
func (l load) offer(address string, t *batch, d time.Duration) (answers, error) {
	conns := make([]*connection, l.connections)
	for i := range conns {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return answers{}, err
		}
		defer c.Close()
		conns[i] = &connection{Conn: c, request: t.copy(), latencies: make([]uint32, 0, 1<<14)}
	}
	var wg sync.WaitGroup
	began := time.Now()
	for i, c := range conns {
		c.SetDeadline(began.Add(d + 30*time.Second))
		if l.rate > 0 {
			c.every = time.Duration(float64(l.connections) / l.rate * float64(time.Second))
		}
		first := began.Add(c.every * time.Duration(i) / time.Duration(l.connections))
		wg.Go(func() { c.run(first, began.Add(d)) })
	}
	wg.Wait()
	a := answers{began: began, lasted: time.Since(began)}
	var errs []error
	for _, c := range conns {
		a.latencies = append(a.latencies, c.latencies...)
		if c.err != nil {
			errs = append(errs, c.err)
		}
	}
	if len(errs) > 0 {
		return a, fmt.Errorf("%d of %d connections failed, the first with: %w", len(errs), l.connections, errs[0])
	}
	slices.Sort(a.latencies)
	a.count = len(a.latencies)
	if a.count == 0 {
		return a, errors.New("no request was answered")
	}
	return a, nil
}

func (a answers) perSecond() float64 { return float64(a.count) / a.lasted.Seconds() }

// quantile is a latency in milliseconds.
func (a answers) quantile(q float64) float64 {
	return float64(a.latencies[min(int(q*float64(a.count)), a.count-1)]) / 1000
}

// connection is one keep-alive connection.
type connection struct {
	net.Conn
	request   *requestCopy
	every     time.Duration // between two events; 0: as fast as they are answered
	buffer    [4096]byte
	latencies []uint32
	err       error
}

// run sends events until the given time. At a fixed rate, a latency counts from the time
// at which the event was due, so that an answer which is late makes the next ones late too.
func (c *connection) run(due, until time.Time) {
	for due.Before(until) {
		time.Sleep(time.Until(due))
		if c.err = c.roundTrip(c.request.nextEvent()); c.err != nil {
			return
		}
		answered := time.Now()
		c.latencies = append(c.latencies, uint32(answered.Sub(due).Microseconds()))
		if due = due.Add(c.every); c.every == 0 {
			due = answered
		}
	}
}

var errAnswer = errors.New("cannot read the answer")

func (c *connection) roundTrip(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	for n := 0; n < len(c.buffer); {
		m, err := c.Read(c.buffer[n:])
		if err != nil {
			return err
		}
		n += m
		size, err := answerSize(c.buffer[:n])
		switch {
		case err != nil:
			return fmt.Errorf("%w: %q", err, c.buffer[:n])
		case size == n:
			return nil
		case size > 0 && size < n:
			return fmt.Errorf("%w: it is followed by %q", errAnswer, c.buffer[size:n])
		}
	}
	return errAnswer
}

// answerSize returns how long the answer that starts with b is, or 0 as long as
// that cannot be told.
func answerSize(b []byte) (int, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	if !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) {
		return 0, errAnswer
	}
	const name = "\r\nContent-Length: "
	_, value, ok := bytes.Cut(b[:end+2], []byte(name))
	if !ok {
		return 0, errAnswer
	}
	value, _, _ = bytes.Cut(value, []byte("\r\n"))
	length, err := strconv.Atoi(string(value))
	if err != nil {
		return 0, errAnswer
	}
	return end + 4 + length, nil
}
