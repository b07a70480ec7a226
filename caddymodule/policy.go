package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
)

// Policy says how events are delivered. What stands on an endpoint holds for all
// of its forwards; a forward has its own word on each of the fields.
type Policy struct {
	// Retry says when a failed attempt is repeated, and for how long.
	Retry *Retry `json:"retry,omitempty"`

	// Circuit says when an upstream that fails is left alone for a while.
	Circuit *Circuit `json:"circuit,omitempty"`

	// Concurrency limits the attempts at once. Default: 64.
	Concurrency int `json:"concurrency,omitempty"`

	// Rate limits the attempts by time. Default: no limit.
	Rate *Rate `json:"rate,omitempty"`

	// SignWith adds a signature of the gateway's own to what is forwarded.
	SignWith *SignWith `json:"sign_with,omitempty"`

	// Order delivers events one after the other. Default: as they come, at once.
	Order *Order `json:"order,omitempty"`
}

// Retry says when a failed attempt is repeated. What is given up becomes a dead
// letter.
type Retry struct {
	// Off makes a dead letter of whatever fails once.
	Off bool `json:"off,omitempty"`
	// Attempts limits the attempts in all. Default, and negative: no limit.
	Attempts int `json:"attempts,omitempty"`
	// Age is how long after the receipt the last attempt may be made. Default: 72
	// hours. Negative: no limit.
	Age caddy.Duration `json:"age,omitempty"`
	// Backoff says how long the pauses are.
	Backoff *Backoff `json:"backoff,omitempty"`
	// Timeout is for one attempt, from the first byte to the last. Default: 30
	// seconds.
	Timeout caddy.Duration `json:"timeout,omitempty"`
	// Final are the upstream's statuses that are not tried again, such as 410 and
	// 4xx; none stands for none of them. Default: 410.
	Final []string `json:"final,omitempty"`
	// RetryAfter is the longest Retry-After of the upstream that is waited for.
	// Default: the longest pause of the backoff. Negative: it is not heeded.
	RetryAfter caddy.Duration `json:"retry_after,omitempty"`
}

// Backoff says how long the pauses between attempts are: drawn evenly from the
// time up to a limit, which grows with each attempt.
type Backoff struct {
	// Base is the limit for the first pause. Default: 5 seconds.
	Base caddy.Duration `json:"base,omitempty"`
	// Factor makes the limit grow. Default: 2.
	Factor float64 `json:"factor,omitempty"`
	// Cap is the longest pause. Default: 1 hour, or Base where it is longer.
	Cap caddy.Duration `json:"cap,omitempty"`
}

// Circuit says when an upstream is left alone, so that one that is dead costs a
// probe now and then. No answer at all, 429 and 5xx count as failures here.
type Circuit struct {
	// Off attempts as if the upstream were well.
	Off bool `json:"off,omitempty"`
	// Consecutive failures open the circuit. Default: 10. Negative: never.
	Consecutive int `json:"consecutive,omitempty"`
	// Share of failures in the window that opens the circuit: above 0, at most 1.
	// Default: 0.5. Negative: never.
	Share float64 `json:"share,omitempty"`
	// Minimum is how many attempts in the window make the share count. Default: 20.
	Minimum int `json:"minimum,omitempty"`
	// Window is how far back the share looks. Default: 1 minute.
	Window caddy.Duration `json:"window,omitempty"`
	// Open is the first pause before a probe; each probe that fails doubles it.
	// Default: 5 seconds.
	Open caddy.Duration `json:"open,omitempty"`
	// OpenMax is the longest pause. Default: 1 minute, or Open where it is longer.
	OpenMax caddy.Duration `json:"open_max,omitempty"`
	// Probes are made at once, and close the circuit when they succeed. Default: 1.
	Probes int `json:"probes,omitempty"`
}

// Rate limits attempts by time.
type Rate struct {
	// Off sets no limit.
	Off bool `json:"off,omitempty"`
	// Events are attempted in each Per.
	Events int `json:"events,omitempty"`
	// Per is the time for so many. Default: 1 second.
	Per caddy.Duration `json:"per,omitempty"`
	// Burst may be attempted at once after a pause. Default: Events.
	Burst int `json:"burst,omitempty"`
}

// SignWith signs what is forwarded after the Standard Webhooks specification,
// afresh for each attempt.
type SignWith struct {
	// Off adds no signature.
	Off bool `json:"off,omitempty"`
	// Secrets sign, each of them; placeholders are welcome.
	Secrets []string `json:"secrets,omitempty"`
}

// Order delivers an event when those before it in the same line have been
// delivered or given up. While one of them is being retried the line waits.
// Without a field all events of the forward are one line.
type Order struct {
	// Off delivers without order.
	Off bool `json:"off,omitempty"`
	// JSON is the path of a value in the body; events of one value are a line.
	JSON string `json:"json,omitempty"`
	// Header is the name of a request header whose values make the lines.
	Header string `json:"header,omitempty"`
	// EventType makes a line of each event type.
	EventType bool `json:"event_type,omitempty"`
}

// Redact names what people do not get to see of what is kept. The upstream gets
// all of it.
type Redact struct {
	// Headers by their names.
	Headers []string `json:"headers,omitempty"`
	// JSON are paths of values in the body, such as cards.#.number.
	JSON []string `json:"json,omitempty"`
}

// Retention says how long ended events are kept: delivered, cancelled and
// unrouted events with their attempts.
type Retention struct {
	// Age is for how long. Default: 24 hours. 0: not at all.
	Age *caddy.Duration `json:"age,omitempty"`
	// Size limits the bytes of all of it together; the oldest go first. Default: 1
	// GiB.
	Size int64 `json:"size,omitempty"`
}
