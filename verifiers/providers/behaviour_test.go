package providers_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// sourced is the form of a source: a URL, or a repository and a path in it.
var sourced = regexp.MustCompile(`^(https://\S+|[\w.-]+/[\w.-]+, \S+)$`)

const (
	knownForAWeek  = 7 * 24 * time.Hour
	commonDeadline = 5 * time.Second // what the gateway takes for a deadline that is unknown
)

// TestBehaviour wants each fact about a sender's behaviour to have a source or to be
// assumed, and a default that depends on an assumption to be the safe one.
func TestBehaviour(t *testing.T) {
	for _, p := range providers.All() {
		t.Run(p.Name, func(t *testing.T) {
			facts := p.Behaviour()
			sources := map[string]string{}
			used := 0
			for _, f := range facts {
				sources[f.Name] = f.Source
				if f.Source == "" {
					continue
				}
				used++
				if !sourced.MatchString(f.Source) {
					t.Errorf("%s: %q is neither a URL nor a repository and a path", f.Name, f.Source)
				}
			}
			if n := given(p.Sources); n != used {
				t.Errorf("%d sources, of which %d belong to a fact that the row states", n, used)
			}
			if len(facts) > 0 {
				safe(t, p, sources)
			}
		})
	}
}

// given counts the sources that are there.
func given(s verifiers.Sources) (n int) {
	for _, source := range []string{s.Retries, s.Deadline, s.Answers, s.Repeats, s.Largest, s.Handshakes} {
		if source != "" {
			n++
		}
	}
	return n
}

// safe checks the defaults that depend on an assumption.
func safe(t *testing.T, p verifiers.Provider, sources map[string]string) {
	r := p.Retries
	if sources["retries"] != "" && r.Attempts == 0 && r.Horizon == 0 {
		t.Error("a source for retries of which the row says nothing")
	}
	ends := r.Horizon > 0 || r.Attempts == 1
	if sources["retries"] == "" || !ends { // nobody says when the last attempt is made
		if p.Dedupe.By != verifiers.ByNothing && p.Dedupe.Window < knownForAWeek {
			t.Errorf("the retries are assumed, and events are remembered for %v only", p.Dedupe.Window)
		}
		f := p.Freshness
		if f.Origin == verifiers.EventTime && f.Tolerance.Past > 0 && f.Tolerance.Past < knownForAWeek {
			t.Errorf("the retries are assumed, and an event's time may be %v old only", f.Tolerance.Past)
		}
	}
	if sources["deadline"] == "" && r.Attempts == 1 && r.Deadline > commonDeadline {
		t.Errorf("a sender that tries once is assumed to wait for %v", r.Deadline)
	}
	if sources["answers"] == "" && !plain200(p.Answers) {
		t.Errorf("the answers are assumed, and are not the plain ones: %+v", p.Answers)
	}
	if sources["largest"] == "" && p.MaxBody > 0 && p.MaxBody < gatewayDefault {
		t.Errorf("the largest body is assumed, and the limit is %d bytes", p.MaxBody)
	}
}

// plain200 reports whether the answers are those of the gateway itself.
func plain200(a verifiers.Answers) bool {
	is := func(a verifiers.Answer, status int) bool {
		return a == verifiers.Answer{} || a == verifiers.Answer{Status: status}
	}
	return is(a.Success, http.StatusOK) && is(a.Refused, http.StatusUnauthorized)
}
