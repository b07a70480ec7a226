package providers

import (
	_ "embed"
	"encoding/json"
	"sync"
)

// A Judge is a source outside this project that the tests compare a row with.
type Judge struct {
	// Kind is sdk (the provider's library, or one that many of its customers
	// use), vendor (an example that the provider published), fixture (a signed
	// request in the tests of somebody else) or independent (a second
	// implementation, in another language, after the provider's documents).
	Kind string `json:"kind"`

	By       string `json:"by,omitempty"`       // the library, or where the example stands
	Does     string `json:"does,omitempty"`     // of a library: whether it signs, verifies, or both
	Weakness string `json:"weakness,omitempty"` // a known gap in its own check
}

// judgesJSON is written, together with docs/providers.md and its pages, by
// go test ./verifiers/providers -run TestTable -update.
//
//go:embed judges.json
var judgesJSON []byte

var judges = sync.OnceValue(func() (all map[string][]Judge) {
	if err := json.Unmarshal(judgesJSON, &all); err != nil {
		panic("judges.json: " + err.Error()) // a test reads it
	}
	return all
})

// Judges returns by whom a provider's row was judged. The slice is shared and
// must not be changed.
func Judges(slug string) []Judge { return judges()[slug] }
