package caddymodule

import (
	"context"
	"encoding/json"
	"testing"
)

// TestNoSpan: without tracing a request costs no allocation for it, and a handler tracing is
// wrapped once, however often the routes are read.
func TestNoSpan(t *testing.T) {
	about, ctx := &facts{endpoint: "stripe", messageID: "m"}, context.Background()
	if n := testing.AllocsPerRun(100, func() { about.describe(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	const want = `{"handler":"webhook_gateway_tracing","of":{"handler":"tracing","span":"x"}}`
	once := withTransport(json.RawMessage(`{"handler":"tracing","span":"x"}`))
	if twice := withTransport(once); string(once) != want || string(twice) != want {
		t.Errorf("%s, then %s", once, twice)
	}
}
