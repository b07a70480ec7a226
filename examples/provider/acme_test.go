package acme

import (
	"net/http"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/hookwicket/hookwicket/verifiers"
)

// endpoint makes the module of the lines of a block.
func endpoint(t *testing.T, block string) (*Acme, error) {
	t.Helper()
	a := new(Acme)
	d := caddyfile.NewTestDispenser(block)
	for d.NextLine() {
		if err := a.UnmarshalOption(d); err != nil {
			return nil, err
		}
	}
	return a, a.Provision(caddy.Context{})
}

func TestVerify(t *testing.T) {
	t.Setenv("ACME_SECRET", "a secret")
	a, err := endpoint(t, "secret {env.ACME_SECRET}\naccount shop-17")
	if err != nil {
		t.Fatal(err)
	}
	sent := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for account, want := range map[string]verifiers.Reason{"shop-17": "", "shop-18": verifiers.WrongSignature} {
		r := &verifiers.Request{Method: http.MethodPost, Body: []byte(`{"id":"evt_1","type":"order.paid"}`)}
		if err := scheme.Sign(r, keyOf("a secret", account), sent, "evt_1"); err != nil {
			t.Fatal(err)
		}
		ev, err := a.Verify(t.Context(), r)
		if got := verifiers.ReasonOf(err); got != want {
			t.Errorf("signed for %s: got %q, want %q (%v)", account, got, want, err)
		}
		if err == nil && (ev.ID != "evt_1" || ev.Type != "order.paid" || !ev.Timestamp.Equal(sent) || !ev.Signed.ID) {
			t.Errorf("got %+v", ev)
		}
	}
}

func TestRefusedConfigurations(t *testing.T) {
	for name, block := range map[string]string{
		"no secret":     "account shop-17",
		"an unset one":  "secret {env.ACME_NO_SECRET}\naccount shop-17",
		"no account":    "secret s3cret",
		"another line":  "secret s3cret\naccount shop-17\ntenant 17",
		"two accounts":  "secret s3cret\naccount shop-17 shop-18",
		"secret of air": "secret\naccount shop-17",
	} {
		if _, err := endpoint(t, block); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
