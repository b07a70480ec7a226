package explain

import (
	"cmp"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// noTime explains a time that is missing or cannot be read.
func (x *explainer) noTime(reason verifiers.Reason) {
	if x.right && reason == verifiers.MissingTimestamp { // any change would be accepted
		x.say("The signature is right. There is no time where the provider puts it; `tolerance off` accepts such requests.")
		return
	}
	x.repeatedHeaders()
	x.headers()
	x.clocks()
}

// clocks tries other formats of the time.
func (x *explainer) clocks() {
	_, notSeconds := withClock(x.scheme, "unix")
	_, notMilliseconds := withClock(x.scheme, "unix_ms")
	for _, format := range verifiers.TimeFormats() {
		scheme, ok := withClock(x.scheme, format)
		if !ok || len(x.found) > 0 {
			continue
		}
		ev, err := x.verify(scheme, x.Secrets, x.r)
		if err != nil || ev.Timestamp.IsZero() || ev.TimeFault != nil {
			continue
		}
		sentence := units[format]
		if sentence == "" || notSeconds && notMilliseconds {
			sentence = "It verifies with its time read in the format " + format + ". The endpoint expects another one."
		}
		x.say(sentence)
	}
}

// units are the formats that are confused with each other.
var units = map[string]string{
	"unix":    "The time is in seconds, where the endpoint expects milliseconds.",
	"unix_ms": "The time is in milliseconds, where the endpoint expects seconds.",
}

// wrongTime explains a signed time that is too old or too new.
func (x *explainer) wrongTime(reason verifiers.Reason) {
	if x.units(); len(x.found) > 0 || x.event.Timestamp.IsZero() && x.event.NotBefore.IsZero() {
		return
	}
	f, sent := x.Row.Freshness, x.event.Timestamp
	off := x.Now.Sub(sent)
	switch {
	case !x.event.NotBefore.IsZero() && x.event.NotBefore.After(x.Now) && reason == verifiers.FutureTimestamp:
		x.say("The signature is right, but the token is valid only in " + span(x.event.NotBefore.Sub(x.Now)) +
			". The clock of this machine is slow, or the sender's is fast.")
	case x.zone(off):
		x.say("The signature is right, but the time is off by " + span(off.Abs()) +
			", which is a difference of time zones. The sender writes its local time, where UTC is due.")
	case reason == verifiers.FutureTimestamp:
		x.say("The signature is right, but the time is " + span(-off) + " ahead, and " + span(f.Tolerance.Future) +
			" are allowed. The clock of this machine is slow, or the sender's is fast.")
	case f.Origin == verifiers.EventTime:
		x.say("The signature is right, but the event is " + span(off) + " old, and " + span(f.Tolerance.Past) +
			" are allowed. A retry keeps the time of its event: it is a late retry, or an old request that was sent again. " +
			"If " + x.title() + " retries for longer, raise `tolerance`.")
	default:
		x.say("The signature is right, but the time is " + span(off) + " old, and " + span(f.Tolerance.Past) +
			" are allowed. The clock of this machine is fast, or it is an old request: delayed on the way, sent again, or captured.")
	}
}

// zone reports whether a time that states no zone is off by a whole number of hours.
func (x *explainer) zone(off time.Duration) bool {
	if fieldOf[verifiers.Timestamp](x.scheme, "Timestamp").Format != "datetime" {
		return false
	}
	const near = 2 * time.Minute
	hours := off.Round(time.Hour)
	return hours != 0 && hours.Abs() <= 14*time.Hour && (off-hours).Abs() < near
}

// units finds times that are off by a factor of a thousand.
func (x *explainer) units() {
	if x.event.Timestamp.Year() > 1970 && x.event.Timestamp.Year() < 2200 {
		return
	}
	for _, format := range []string{"unix", "unix_ms"} {
		scheme, ok := withClock(x.scheme, format)
		if !ok || len(x.found) > 0 {
			continue
		}
		// A count of seconds read as milliseconds lies in 1970.
		if ev, err := x.verify(scheme, x.Secrets, x.r); err == nil && ev.Timestamp.Year() > 2001 && ev.Timestamp.Year() < 2200 {
			x.say(units[format])
		}
	}
}

// withClock returns the scheme with another format of its time.
func withClock(scheme verifiers.Scheme, format string) (verifiers.Scheme, bool) {
	return with(scheme, "Timestamp", func(t *verifiers.Timestamp) bool {
		old := cmp.Or(t.Format, verifiers.TimeFormats()[0])
		t.Format = format
		return t.From != "" && old != format
	})
}
