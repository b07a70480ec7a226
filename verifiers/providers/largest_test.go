package providers_test

import (
	"testing"

	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// gatewayDefault is the limit of the gateway where a row has none.
const gatewayDefault = 10 << 20

// TestLargest wants every row to take the largest body that its provider says it
// sends. A limit of its own needs that size as its reason.
func TestLargest(t *testing.T) {
	for _, p := range providers.All() {
		limit := p.MaxBody
		if limit == 0 {
			limit = gatewayDefault
		}
		if p.Largest > limit {
			t.Errorf("%s: bodies have up to %d bytes, and the limit is %d", p.Name, p.Largest, limit)
		}
		if p.MaxBody > 0 && p.Largest == 0 {
			t.Errorf("%s: a limit of %d bytes, and the row does not say how large a body is", p.Name, p.MaxBody)
		}
	}
}
