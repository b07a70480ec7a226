package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/internal/pgtest"
)

// TestClusterPooler: gateways behind PgBouncer in transaction mode say that they need `listen off`.
// A running gateway keeps its store when a reload leads there, and all that it acknowledged is
// delivered by the gateways behind the pooler.
func TestClusterPooler(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	direct, pooled := pgtest.DSN(t), pgtest.PgBouncer(t, "transaction", 10)
	schema, all := newCluster(t, 2, endpoint(u))
	configure := func(g *gateway, dsn, listen string) {
		g.store = strings.Replace(strings.Replace(g.store, direct, dsn, 1), "lease 2s", "lease 2s\n\t\t\tlisten "+listen, 1)
		g.configure(endpoint(u))
	}
	first, second := all[0], all[1]
	hold := make(chan struct{})
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	})
	first.start()
	mustPost(t, first.url("/hook"), genericBody(eventID(0)))
	before := first.store
	configure(first, pooled, "on")
	const want = "write `listen off` in `store postgres`"
	if err := first.reload(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a reload to a pooler in transaction mode: %v", err)
	}
	mustPost(t, first.url("/hook"), genericBody(eventID(1)))
	configure(second, pooled, "on")
	err := second.command("run", "--config", second.caddyfile(), "--adapter", "caddyfile").Run()
	if err == nil || !strings.Contains(second.log.String(), want) {
		t.Errorf("a start behind a pooler in transaction mode: %v", err)
	}
	first.store = before
	configure(first, pooled, "off")
	if err := first.reload(); err != nil {
		t.Fatal(err)
	}
	second.store = strings.Replace(second.store, "listen on", "listen off", 1)
	second.configure(endpoint(u))
	second.start()
	close(hold)
	ids := []string{eventID(0), eventID(1)}
	for i := 2; i < 40; i++ {
		ids = append(ids, eventID(i))
		mustPost(t, all[i%2].url("/hook"), genericBody(ids[i]))
	}
	u.awaitAll(t, ids)
	report, err := first.output("webhook", "check", "--store", pooled, "--schema", schema)
	if err != nil || !strings.Contains(report, "through a pooler: transaction mode\n") || !strings.Contains(report, "need `listen off`") {
		t.Errorf("%v\n%s", err, report)
	}
}
