package queue

import "time"

// Policy contains the settings of deliveries to a destination. The zero value of each
// field stands for its default.
type Policy struct {
	Backoff     Backoff
	Timeout     time.Duration // of an attempt; default 30 s; negative: none
	Concurrency int           // attempts at once; default 64
	Rate        Rate
	Circuit     Circuit
}

// WithDefaults returns the policy with the default of each field that is zero.
func (p Policy) WithDefaults() Policy {
	p.Backoff, p.Circuit = p.Backoff.withDefaults(), p.Circuit.withDefaults()
	if p.Concurrency <= 0 {
		p.Concurrency = DefaultConcurrency
	}
	if p.Timeout == 0 {
		p.Timeout = DefaultTimeout
	}
	return p
}

// Rate limits attempts to Events in each Per. The zero Rate is no limit.
type Rate struct {
	Events int
	Per    time.Duration // default 1 s
	Burst  int           // at once, after a pause; default: Events, at least 1
}

// Circuit decides when attempts to a destination pause. Failures that show a fault of
// the upstream count: no answer, 429 and 5xx. Any other answer shows that it is alive.
type Circuit struct {
	Off         bool
	Consecutive int           // failures in a row that open it; default 10; negative: never
	Share       float64       // of failures in Window that opens it; default 0.5; negative: never
	Minimum     int           // attempts in Window for Share to count; default 20
	Window      time.Duration // default 1 min
	Open        time.Duration // first pause before a probe; doubles with each failed one; default 5 s
	OpenMax     time.Duration // default 1 min
	Probes      int           // at once while half-open, and successes that close it; default 1
}

// CircuitState is closed, open or half_open.
type CircuitState string

// The states of a circuit.
const (
	CircuitClosed   CircuitState = "closed"
	CircuitOpen     CircuitState = "open"
	CircuitHalfOpen CircuitState = "half_open"
)

// Health is the state of a worker at one moment.
type Health struct {
	Circuit  CircuitState
	Since    time.Time // of the circuit's state
	Probe    time.Time // while open: when the next probe may go
	InFlight int
	Allowed  int       // attempts at once now; fewer while a backlog drains after an outage
	Rate     time.Time // when the rate allows the next attempt; zero: now
	Last     string    // the error that opened the circuit
}
