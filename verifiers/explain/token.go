package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// expired explains a token whose life is over.
func (x *explainer) expired() {
	x.say("The signature is right, but the token expired " + span(x.Now.Sub(x.event.Expires)) + " before the request was received, at " +
		x.event.Expires.UTC().Format(time.RFC3339) + ". It is an old request that was sent again, or the clock of this machine is fast.")
}

// audience explains an event for another endpoint.
func (x *explainer) audience() {
	sentence := "The signature is right, but the event is for somebody else"
	for _, step := range verifiers.Inspect(x.ctx, x.own, x.r).Addressee {
		if step.State == verifiers.StepFailed {
			sentence += ": " + step.Text
			break
		}
	}
	var names []string
	for _, o := range x.Row.Options {
		if optionsOf(x.scheme)[o.Name] != "" && x.addresses(o.Name) {
			names = append(names, "`"+o.Name+"`")
		}
	}
	if len(names) > 0 {
		sentence += ". Is the endpoint's " + strings.Join(names, " or ") + " right?"
	} else {
		sentence += "."
	}
	x.say(sentence)
}

// addresses reports whether the event's addressee is compared with an option.
func (x *explainer) addresses(option string) bool {
	for _, c := range fieldOf[[]verifiers.Condition](x.scheme, "Addressee") {
		for _, is := range c.Is {
			if is == "{option:"+option+"}" {
				return true
			}
		}
	}
	return false
}

// unavailable explains a provider's keys that could not be fetched.
func (x *explainer) unavailable() {
	x.say("The provider's keys could not be fetched: " + verifiers.DetailOf(x.err) +
		". Nothing is known about the signature. The sender got a 503, after which it tries again.")
}

// tooLarge explains a body beyond the limit.
func (x *explainer) tooLarge() {
	if limit := x.Row.MaxBody; limit > 0 && int64(len(x.r.Body)) > limit {
		x.say(fmt.Sprintf("The body has %d bytes, and the endpoint takes %d. Raise `max_body` if %s sends such bodies.",
			len(x.r.Body), limit, x.title()))
		return
	}
	x.say("The body exceeds a limit: " + verifiers.DetailOf(x.err) + ".")
}

// wrongMethod explains a method that the endpoint does not take.
func (x *explainer) wrongMethod() {
	x.say(fmt.Sprintf("%s sends events by %s, and this is a %q request, as a browser or a check of the URL makes.",
		x.title(), strings.Join(x.methods(), " or "), shorter(x.r.Method)))
}

// title is the provider's name.
func (x *explainer) title() string {
	if len(x.Row.Docs) == 0 { // any sender
		return "the sender"
	}
	return x.Row.Title
}
