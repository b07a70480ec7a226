package caddymodule

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/queue"
)

// Forward delivers accepted events after their sender was answered. Each forward of an
// endpoint has its own deliveries, retries and dead letters. The event itself is kept
// once.
//
// Caddyfile, within an endpoint; all but the handlers is optional and stands
// before them:
//
//	forward {
//		as   <name>                 # one forward of an endpoint may have none
//		on   <event type...>        # * stands for any text, as in payment.*
//		when <CEL expression>       # {json.<path>} is a value of the body
//		wait <duration>             # the upstream may answer the sender meanwhile
//		retry … circuit … concurrency … rate … order … sign_with …
//		<handlers>
//	}
type Forward struct {
	// Name identifies the forward within its endpoint. The backlog belongs to the name.
	Name string `json:"name,omitempty"`

	// On has patterns of event types, in which * stands for any text. An event goes here
	// if its type matches one of them. Default: any type.
	On []string `json:"on,omitempty"`

	// When is an expression as in Caddy's expression matcher. An event goes here if it
	// is true, and also if its evaluation fails. Default: always.
	When string `json:"when,omitempty"`

	// Wait is how long the sender waits for the upstream's own answer. After that time,
	// and if the upstream fails, the sender gets the provider's success, and the event
	// is delivered like any other. At most one forward of an endpoint can wait.
	Wait caddy.Duration `json:"wait,omitempty"`

	Policy

	// Routes are any HTTP handlers. An attempt succeeds if they answer with a status of
	// 200 to 299.
	Routes caddyhttp.RouteList `json:"routes,omitempty"`

	endpoint    *Handler
	destination queue.Destination
	effective   Policy // Policy over the endpoint's
	when        *caddyhttp.MatchExpression
	chain       caddyhttp.Handler // of Routes
	resigner    *resigner         // nil: nothing is signed
	metrics     forwardMetrics
	last        *lately // outcomes of attempts
}

// String returns the forward's name in errors and logs.
func (f *Forward) String() string {
	if f.Name == "" {
		return "forward"
	}
	return fmt.Sprintf("forward %q", f.Name)
}

// settleForwards provisions the forwards and checks them against each other.
func (h *Handler) settleForwards(ctx caddy.Context) error {
	if err := h.Policy.check(); err != nil {
		return err
	}
	names := make(map[string]bool)
	waits := false
	for i, f := range h.Forwards {
		if f == nil {
			return fmt.Errorf("forward %d of the list is null", i+1)
		}
		switch {
		case names[f.Name] && f.Name == "":
			return errors.New("two forwards have no name: tell them apart with `as <name>`, since retries, dead letters and metrics go by it")
		case names[f.Name]:
			return fmt.Errorf("two forwards are called %q: give one of them another name", f.Name)
		case f.Wait > 0 && waits:
			return errors.New("two forwards have a `wait`: one upstream can answer the sender")
		}
		names[f.Name] = true
		waits = waits || f.Wait > 0
		if err := f.provision(ctx, h); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return nil
}

// checkName checks the forward's name.
func (f *Forward) checkName() error {
	if badName(f.Name) {
		return fmt.Errorf("the name of a forward has at most 100 bytes, without space and slashes, not of dots alone: %q", f.Name)
	}
	if strings.Contains(f.Name, "{") {
		return fmt.Errorf("the name of a forward cannot have a placeholder: %q; write the name itself, since deliveries and metrics go by it", f.Name)
	}
	return nil
}

// provision settles one forward of an endpoint.
func (f *Forward) provision(ctx caddy.Context, h *Handler) error {
	if err := f.checkName(); err != nil {
		return err
	}
	f.endpoint, f.destination = h, queue.Destination{Endpoint: h.Name, Forward: f.Name}
	if f.Wait < 0 {
		return errors.New("wait is a positive duration, such as `wait 2s`")
	}
	if slices.ContainsFunc(f.On, func(pattern string) bool { return strings.HasPrefix(pattern, "!") }) {
		return errors.New(negatedOn)
	}
	if slices.Contains(f.On, "") {
		return errors.New("on has an empty pattern; events without a type match *")
	}
	if err := f.Policy.check(); err != nil {
		return err
	}
	f.effective = f.Policy.over(h.Policy)
	if err := f.effective.check(); err != nil {
		return fmt.Errorf("with the lines of the endpoint: %w", err)
	}
	var err error
	if f.resigner, err = f.effective.SignWith.resigner(); err != nil {
		return err
	}
	if err := f.provisionWhen(ctx); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	if len(f.Routes) == 0 {
		return errors.New("there are no handlers; give it an upstream, or leave it out to let the next handler answer")
	}
	f.warnOfStderr()
	throughTransport(f.Routes)
	if err := f.Routes.Provision(ctx); err != nil {
		return err
	}
	f.chain = f.Routes.Compile(nobodyAnswered)
	f.metrics, f.last = h.app.metrics.forward(h.Name, f.Name), outcomes.of(f.destination.String())
	return nil
}

// capturesStderr finds the option of Caddy's fastcgi transport in the JSON of a handler.
var capturesStderr = regexp.MustCompile(`"capture_stderr"\s*:\s*true`)

// warnOfStderr warns of the one option with which a handler of Caddy logs all headers of
// an event above the level debug. [Transport] cannot hide them: the same transport sends
// them and logs them.
func (f *Forward) warnOfStderr() {
	for _, route := range f.Routes {
		for _, raw := range route.HandlersRaw {
			if capturesStderr.Match(raw) {
				f.endpoint.logger.Warn("capture_stderr logs all headers of an event, secrets included, with each line that the upstream writes to stderr; "+
					"leave it out, or filter `env` and `request>headers` out of the log", f.fields()...)
				return
			}
		}
	}
}

// badName reports whether a name is not allowed for an endpoint or a forward. A name is one
// segment of a path, so it may be neither `.` nor `..`.
func badName(name string) bool {
	return len(name) > 100 || name != "" && strings.Trim(name, ".") == "" ||
		strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || unicode.IsControl(r) || r == '/' || r == '\\' })
}

// forward returns a forward of the endpoint by its name; nil: there is none.
func (h *Handler) forward(name string) *Forward {
	for _, f := range h.Forwards {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// asynchronous reports whether the endpoint keeps events and answers by itself.
// Otherwise it passes them on.
func (h *Handler) asynchronous() bool { return h.Keep || len(h.Forwards) > 0 }

// waiting returns the forward that may answer the sender; nil: there is none.
func (h *Handler) waiting() *Forward {
	for _, f := range h.Forwards {
		if f.Wait > 0 {
			return f
		}
	}
	return nil
}

// retention returns how long ended events of this endpoint are kept.
func (h *Handler) retention() time.Duration {
	if h.Retention != nil {
		return time.Duration(*h.Retention)
	}
	return h.app.retention()
}

// warnOfNoForward warns of lines about deliveries in an endpoint without a forward.
func (h *Handler) warnOfNoForward() {
	if len(h.Forwards) > 0 {
		return
	}
	why := "the endpoint has no forward, so nothing is kept and the next handler answers"
	if h.Keep {
		why = "the endpoint keeps its events and delivers none"
	}
	var idle []string
	for _, line := range []struct {
		name  string
		given bool
	}{
		{"retry", h.Retry != nil}, {"circuit", h.Circuit != nil}, {"concurrency", h.Concurrency != 0}, {"rate", h.Rate != nil},
		{"order", h.Order != nil}, {"retention", h.Retention != nil && !h.Keep}, {"max_backlog", h.MaxBacklog != 0},
		{"sign_with", h.SignWith != nil && h.Keep},
	} {
		if line.given {
			idle = append(idle, line.name)
		}
	}
	if len(idle) > 0 {
		h.logger.Warn("these lines have no effect: "+why, zap.String("endpoint", h.Name), zap.Strings("lines", idle))
	}
}

// worker returns a worker that delivers the backlog of this forward.
func (f *Forward) worker(s *shared) *queue.Worker {
	return &queue.Worker{
		Store:       s.store,
		Destination: f.destination,
		Attempt:     f.attempt,
		Shared:      s.attempts,
		Policy:      f.effective.queue(),
		Observe: func(a queue.Attempted) {
			f.attempted(s, a)
			if a.Outcome == queue.Delivered {
				s.forDisk.ring()
			}
		},
		OnCircuit: f.circuitTurned,
		Trouble:   f.storeFailed,
	}
}

// storeFailed logs an error of the store. All forwards meet the same error again and
// again while a store is damaged or cannot be opened. The first one in a minute is a
// line, the others are counted.
func (f *Forward) storeFailed(err error) {
	const text = "the store failed a delivery; it will be repeated"
	h := f.endpoint
	cause := err
	if inner := errors.Unwrap(err); inner != nil { // without the destination
		cause = inner
	}
	first := h.app.repeats.first(repeat{text: text}, cause.Error(), time.Now(), func(more int) {
		h.logger.Error(text, zap.Int("repeated", more))
	})
	if first { // as a string: zap.Error adds the stack of some errors
		h.logger.Error(text, append(f.fields(), zap.String("error", err.Error()))...)
	}
}

// circuitTurned logs that a circuit has opened or closed. Probes in between are not
// logged.
func (f *Forward) circuitTurned(state queue.CircuitState, health queue.Health) {
	switch state {
	case queue.CircuitOpen:
		f.endpoint.logger.Warn("the upstream is left alone for a while: its circuit is open",
			append(f.fields(), zap.Time("next_probe", health.Probe), zap.String("error", headerValue(f.endpoint.redacting().answer(health.Last))))...)
	case queue.CircuitClosed:
		f.endpoint.logger.Info("the upstream answers again: its circuit is closed", f.fields()...)
	}
	f.tellCircuit(state, health)
}

// fields returns the forward's names for a log line.
func (f *Forward) fields() []zap.Field {
	fields := []zap.Field{zap.String("endpoint", f.endpoint.Name)}
	if f.Name != "" {
		fields = append(fields, zap.String("forward", f.Name))
	}
	return fields
}
