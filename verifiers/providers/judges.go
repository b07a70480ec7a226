package providers

import (
	_ "embed"
	"encoding/json"
	"sync"
)

// A Judge is somebody besides us who says how a provider signs, and whom the
// tests ask.
type Judge struct {
	// Kind is sdk (the provider's library, or one that many of its customers
	// use), vendor (an example that the provider published) or independent (a
	// second implementation, in another language, after the provider's documents).
	Kind string `json:"kind"`

	By       string `json:"by,omitempty"`       // the library, or where the example stands
	Does     string `json:"does,omitempty"`     // of a library: what of ours it judges
	Weakness string `json:"weakness,omitempty"` // what its own check is known to lack
}

// judgesJSON is written, together with docs/providers.md, by
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
