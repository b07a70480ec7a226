package providers_test

import (
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// TestCredentialsTell: of every row that data describes it is known where its
// signature or token stands.
func TestCredentialsTell(t *testing.T) {
	tried := 0
	for _, p := range providers.All() {
		switch p.Scheme.(type) {
		case verifiers.HMAC, verifiers.PublicKey, verifiers.Token, verifiers.JWT:
		default:
			continue
		}
		tried++
		for _, place := range verifiers.CredentialsOf(p.Scheme) {
			switch place.From {
			case "header", "query", "form", "json":
			default:
				t.Errorf("%s: %+v", p.Name, place)
			}
			if place.Name == "" {
				t.Errorf("%s: a place without a name: %+v", p.Name, place)
			}
		}
		if len(verifiers.CredentialsOf(p.Scheme)) == 0 && len(p.Docs) > 0 {
			t.Errorf("%s: nothing is known", p.Name)
		}
	}
	if tried < 150 {
		t.Errorf("only %d rows", tried)
	}
}
