// Package providers is the catalogue: every sender that works without being
// described first. A provider is a row of data with its reasons, in a file of
// its own; start with [All] and [Lookup].
//
// To add one, write a file with a function that returns the row, register it in
// the same file, and put a vector into ../testdata/<slug>. CONTRIBUTING.md lists
// the files of its judges, and those that a test writes.
package providers

import (
	"slices"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// catalogue has functions, not values, so that nobody can change a row for
// everybody else.
var catalogue []func() verifiers.Provider

// register adds a row to the catalogue, from the init function beside it.
func register(row func() verifiers.Provider) { catalogue = append(catalogue, row) }

// All returns every provider, sorted by its slug.
func All() []verifiers.Provider {
	all := make([]verifiers.Provider, 0, len(catalogue))
	for _, row := range catalogue {
		all = append(all, row())
	}
	slices.SortFunc(all, func(a, b verifiers.Provider) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Lookup returns the provider with this slug.
func Lookup(slug string) (verifiers.Provider, bool) {
	for _, row := range catalogue {
		if p := row(); p.Name == slug {
			return p, true
		}
	}
	return verifiers.Provider{}, false
}

// apart are conditions for a signed header that is taken as text and stands before
// a JSON body in the signed content. Otherwise the beginning of a body could be
// moved to the header, or the end of the header to the body, and the signature
// would still fit.
func apart(header string) []verifiers.Condition {
	return []verifiers.Condition{{Of: header, Like: "[^{]{1,64}"}, {Of: "{body}", Begins: "{"}}
}

// perAttempt is the tolerance for times that are renewed on every attempt,
// where the provider asks for no other.
var perAttempt = verifiers.Tolerance{Past: 5 * time.Minute, Future: 5 * time.Minute}

// eventTime is a tolerance for times that a retry does not renew.
func eventTime(past time.Duration) verifiers.Tolerance {
	return verifiers.Tolerance{Past: past, Future: 5 * time.Minute}
}

// week limits the age of a captured request where nothing better is known. It is
// longer than every schedule of retries that is documented without another limit.
const week = 7 * 24 * time.Hour

// withinWeek is the tolerance for a signed time that a retry does not renew, or of
// which that is not known.
var withinWeek = eventTime(week)

// pastWeek is a window that outlasts withinWeek.
const pastWeek = 8 * 24 * time.Hour

// inBase64 is how many characters n bytes take.
func inBase64(n int64) int64 { return (n + 2) / 3 * 4 }

// escaped is how long n characters of a text can become as a string in JSON, where
// quotation marks, backslashes and line ends take two.
func escaped(n int64) int64 { return 2 * n }
