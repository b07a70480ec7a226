package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
)

// Policy says how events are delivered. The policy of an endpoint is the default of its
// forwards. A forward can replace each field.
type Policy struct {
	// Retry says when a failed attempt is repeated, and for how long.
	Retry *Retry `json:"retry,omitempty"`

	// Circuit says when attempts to a failing upstream stop for a while.
	Circuit *Circuit `json:"circuit,omitempty"`

	// Concurrency limits the attempts at once. Default: 64.
	Concurrency int `json:"concurrency,omitempty"`

	// Rate limits the attempts by time. Default: no limit.
	Rate *Rate `json:"rate,omitempty"`

	// SignWith adds the gateway's own signature to forwarded requests.
	SignWith *SignWith `json:"sign_with,omitempty"`

	// Order delivers events one after the other. Default: in parallel, as they come.
	Order *Order `json:"order,omitempty"`
}

// Retry says when a failed attempt is repeated. A delivery that is given up becomes a
// dead letter.
type Retry struct {
	// Off makes a delivery a dead letter after its first failed attempt.
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
	// Final are the upstream's statuses after which a delivery is given up, such as 410
	// and 4xx, or the word none. Default: 410.
	Final []string `json:"final,omitempty"`
	// RetryAfter limits the pause that the upstream asks for with Retry-After. Default:
	// the longest pause of the backoff. Negative: Retry-After is ignored.
	RetryAfter caddy.Duration `json:"retry_after,omitempty"`
}

// Backoff says how long the pauses between attempts are. Each is drawn evenly from the
// time up to a limit, which grows with each attempt.
type Backoff struct {
	// Base is the limit for the first pause. Default: 5 seconds.
	Base caddy.Duration `json:"base,omitempty"`
	// Factor makes the limit grow. Default: 2.
	Factor float64 `json:"factor,omitempty"`
	// Cap is the longest pause. Default: 1 hour, or Base where it is longer.
	Cap caddy.Duration `json:"cap,omitempty"`
}

// Circuit says when attempts to a failing upstream stop. While the circuit is open, a
// dead upstream gets a single probe now and then. No answer, 429 and 5xx count as
// failures here.
type Circuit struct {
	// Off never stops the attempts.
	Off bool `json:"off,omitempty"`
	// Consecutive failures open the circuit. Default: 10. Negative: never.
	Consecutive int `json:"consecutive,omitempty"`
	// Share of failures in the window that opens the circuit: above 0, at most 1.
	// Default: 0.5. Negative: never.
	Share float64 `json:"share,omitempty"`
	// Minimum is the least number of attempts in the window for the share to count.
	// Default: 20.
	Minimum int `json:"minimum,omitempty"`
	// Window is the time over which the share is computed. Default: 1 minute.
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
	// Events is the number of attempts in each Per.
	Events int `json:"events,omitempty"`
	// Per is the time for that number. Default: 1 second.
	Per caddy.Duration `json:"per,omitempty"`
	// Burst may be attempted at once after a pause. Default: Events.
	Burst int `json:"burst,omitempty"`
}

// SignWith signs forwarded requests by the Standard Webhooks specification, anew for
// each attempt.
type SignWith struct {
	// Off adds no signature.
	Off bool `json:"off,omitempty"`
	// Secrets sign, each of them. They may be placeholders.
	Secrets []string `json:"secrets,omitempty"`
}

// Order delivers an event when those before it with the same order key have been
// delivered or given up. While one of them is being retried, the others wait. Without a
// field all events of the forward have one order key.
type Order struct {
	// Off delivers without order.
	Off bool `json:"off,omitempty"`
	// JSON is the path of a value in the body, which is the order key.
	JSON string `json:"json,omitempty"`
	// Header is the name of a request header whose value is the order key.
	Header string `json:"header,omitempty"`
	// EventType makes the event type the order key.
	EventType bool `json:"event_type,omitempty"`
}

// Redact names values of kept events to hide from people. The upstream gets all of
// them.
type Redact struct {
	// Headers by their names.
	Headers []string `json:"headers,omitempty"`
	// JSON are paths of values in the body, such as cards.#.number.
	JSON []string `json:"json,omitempty"`
}

// Retention says how long ended events are kept: delivered, cancelled and unrouted
// events with their attempts.
type Retention struct {
	// Age is the time since their end. Default: 24 hours. 0: they are not kept.
	Age *caddy.Duration `json:"age,omitempty"`
	// Size limits the bytes of all of it together; the oldest go first. Default: 1
	// GiB.
	Size int64 `json:"size,omitempty"`
}
