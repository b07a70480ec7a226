package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/internal/pgtest"
)

// newCluster makes gateways that share a database. Their nodes are called 0, 1 and so on.
func newCluster(t *testing.T, n int, sites string) (schema string, all []*gateway) {
	schema = pgtest.Schema(t)
	for i := range n {
		g := newGateway(t, sites)
		g.store = fmt.Sprintf("store postgres %q {\n\t\t\tschema %s\n\t\t\tnode %d\n\t\t\tlease 2s\n\t\t}", pgtest.DSN(t), schema, i)
		g.configure(sites)
		all = append(all, g)
	}
	return schema, all
}

// ownerOf returns the gateway that delivers; -1: none does.
func ownerOf(t *testing.T, schema string) int {
	t.Helper()
	c, err := pgx.Connect(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	var name string
	err = c.QueryRow(t.Context(), "select n.name from "+schema+".destination d join "+schema+".node n on n.id = d.owner where d.waiting > 0").Scan(&name)
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// deliverer returns the gateway that delivers the only forward, when all have named the same one
// for longer than the lease. A gateway that joins may be given forwards of the others, soon after
// it is seen.
func deliverer(t *testing.T, all []*gateway) (owner int) {
	t.Helper()
	var first string
	var since time.Time
	until(t, "an owner that stays", func() bool {
		for i, g := range all {
			s := g.status()
			if len(s.Endpoints) != 1 {
				return false
			}
			name := s.Endpoints[0].Forwards[0].Owner
			switch {
			case i == 0 && name != first:
				first, since = name, time.Now()
			case name != first:
				since = time.Now()
				return false
			}
		}
		var err error
		owner, err = strconv.Atoi(first)
		return err == nil && time.Since(since) > 3*time.Second
	})
	return owner
}

// TestClusterTwins: an event that its provider sends to three gateways at once is delivered once.
func TestClusterTwins(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	_, all := newCluster(t, 3, endpoint(u))
	for _, g := range all {
		g.start()
	}
	const events, senders = 1000, 8
	var ids []string
	for i := range events {
		ids = append(ids, eventID(i))
	}
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := s; i < events; i += senders {
				body := genericBody(ids[i])
				var twins sync.WaitGroup
				for _, g := range all {
					twins.Go(func() {
						if status, err := post(g.url("/hook"), body); err != nil || status != http.StatusOK {
							t.Errorf("got %d, %v", status, err)
						}
					})
				}
				twins.Wait()
			}
		})
	}
	wg.Wait()
	u.awaitAll(t, ids)
	taken, _ := u.counts()
	for id, n := range taken {
		if n != 1 {
			t.Errorf("%s was delivered %d times", id, n)
		}
	}
	dropped := 0
	for _, g := range all {
		dropped += strings.Count(g.log.String(), "duplicate dropped")
	}
	if want := 2 * events; dropped != want {
		t.Errorf("%d duplicates were dropped, want %d", dropped, want)
	}
}

// passed is an endpoint whose events the upstream answers.
func passed(u *upstream) string {
	return fmt.Sprintf("ADDR {\n\twebhook_gateway /hook generic {\n\t\tsecret %s\n\t}\n\treverse_proxy %s\n}\n", secret, u.addr())
}

// TestClusterPassthrough: an event that its provider sends to three gateways at once is passed on
// once, and once more if the upstream has refused it. All senders but the refused one hear 200.
func TestClusterPassthrough(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	_, all := newCluster(t, 3, passed(u))
	for _, g := range all {
		g.start()
	}
	const events, senders = 300, 6
	refuses := func(id string) bool { return id[len(id)-1]%3 == 0 }
	var tried sync.Map
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Webhook-Gateway-Event-Id")
		if _, before := tried.LoadOrStore(id, true); !before && refuses(id) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	want := 0
	var wg sync.WaitGroup
	for s := range senders {
		for i := s; i < events; i += senders {
			if refuses(eventID(i)) {
				want++
			}
		}
		wg.Go(func() {
			for i := s; i < events; i += senders {
				id := eventID(i)
				body := genericBody(id)
				var mu sync.Mutex
				statuses := make(map[int]int)
				var twins sync.WaitGroup
				for _, g := range all {
					twins.Go(func() {
						status, err := post(g.url("/hook"), body)
						if err != nil {
							t.Error(err)
						}
						mu.Lock()
						statuses[status]++
						mu.Unlock()
					})
				}
				twins.Wait()
				failed := 0
				if refuses(id) {
					failed = 1
				}
				if statuses[http.StatusInternalServerError] != failed || statuses[http.StatusOK] != len(all)-failed {
					t.Errorf("%s: the senders got %v", id, statuses)
				}
			}
		})
	}
	wg.Wait()
	taken, refused := u.counts()
	if len(taken) != events || refused != want {
		t.Errorf("%d events were taken, want %d; %d were refused, want %d", len(taken), events, refused, want)
	}
	for id, n := range taken {
		if n != 1 {
			t.Errorf("%s was taken %d times", id, n)
		}
	}
}

// TestClusterPassthroughKill: a gateway that is killed while its upstream has an event does not
// block the event at the others for longer than its lease.
func TestClusterPassthroughKill(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	_, all := newCluster(t, 2, passed(u))
	for _, g := range all {
		g.start()
	}
	reached := make(chan struct{}, 2)
	var tries atomic.Int32
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		reached <- struct{}{}
		if tries.Add(1) == 1 {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}
	})
	body := genericBody("evt_1")
	first := make(chan error, 1)
	go func() { _, err := post(all[0].url("/hook"), body); first <- err }()
	<-reached
	twin := make(chan int, 1)
	go func() {
		status, err := post(all[1].url("/hook"), body)
		if err != nil {
			t.Error(err)
		}
		twin <- status
	}()
	// The lease is renewed, so the twin waits until the first gateway is dead.
	select {
	case <-reached:
		t.Error("the event was passed on twice while its gateway lived")
	case status := <-twin:
		t.Errorf("the twin got %d while the event was under way", status)
	case <-time.After(3 * time.Second):
	}
	began := time.Now()
	all[0].kill()
	if err := <-first; err == nil {
		t.Error("a dead gateway has answered")
	}
	if status := <-twin; status != http.StatusOK {
		t.Errorf("the twin got %d", status)
	}
	t.Logf("the twin was passed on %v after the kill", time.Since(began).Round(time.Millisecond))
	if taken, _ := u.counts(); taken["evt_1"] != 1 {
		t.Errorf("it was taken %d times", taken["evt_1"])
	}
}

// TestClusterKill: when the gateway that delivers is killed, the other one delivers what was
// acknowledged, within seconds.
func TestClusterKill(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	var mu sync.Mutex
	var acked []string
	schema, all := newCluster(t, 2, endpoint(u))
	for _, g := range all {
		g.start()
	}
	hold := make(chan struct{})
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	})
	var wg sync.WaitGroup
	for s := range 4 {
		wg.Go(func() {
			for i := range 50 {
				id := eventID(s*1000 + i)
				if status, err := post(all[(s+i)%2].url("/hook"), genericBody(id)); err != nil || status != http.StatusOK {
					t.Errorf("got %d, %v", status, err)
					return
				}
				mu.Lock()
				acked = append(acked, id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	owner := -1
	until(t, "one gateway delivers", func() bool { owner = ownerOf(t, schema); return owner >= 0 })
	began := time.Now()
	all[owner].kill()
	close(hold)
	u.awaitAll(t, acked)
	took := time.Since(began)
	mustPost(t, all[1-owner].url("/hook"), genericBody("evt_after"))
	u.awaitAll(t, []string{"evt_after"})
	taken, _ := u.counts()
	twice := 0
	for _, n := range taken {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%d acknowledged, lost 0, all delivered %v after the kill, %d more than once", len(acked), took.Round(time.Millisecond), twice)
}

// TestClusterKeys: a gateway that lacks an encryption key says so, delivers what it can read, and
// the rest as soon as a reload brings the key. A key that is strange to the database is refused.
func TestClusterKeys(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	_, all := newCluster(t, 2, endpoint(u))
	first, second := all[0], all[1]
	keys := []string{"HOOKWICKET_KEY_1=" + strings.Repeat("1f", 32), "HOOKWICKET_KEY_2=" + strings.Repeat("2f", 32), "HOOKWICKET_KEY_3=" + strings.Repeat("3f", 32)}
	encrypt := func(g *gateway, keys string) {
		g.limits = "encrypt " + keys
		g.configure(endpoint(u))
	}
	for _, g := range all {
		g.env = append(g.env, keys...)
		encrypt(g, "{env.HOOKWICKET_KEY_1}")
		g.start()
	}
	mustPost(t, first.url("/hook"), genericBody("evt_before"))
	u.awaitAll(t, []string{"evt_before"})

	hold := make(chan struct{})
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	})
	encrypt(first, "{env.HOOKWICKET_KEY_2} {env.HOOKWICKET_KEY_1}")
	if err := first.reload(); err != nil {
		t.Fatal(err)
	}
	until(t, "the other gateway warns", func() bool {
		return strings.Contains(second.log.String(), "0 encrypts with a key that this gateway does not have")
	})
	until(t, "the gateway with the new key warns", func() bool {
		return strings.Contains(first.log.String(), "1 does not have the key with which this gateway encrypts")
	})
	var ids []string
	for i := range 20 {
		ids = append(ids, eventID(i))
		mustPost(t, first.url("/hook"), genericBody(ids[i]))
	}
	first.stop()
	close(hold)
	until(t, "the gateway that is left meets them", func() bool { return strings.Contains(second.log.String(), "events wait that cannot be read") })
	mustPost(t, second.url("/hook"), genericBody("evt_readable"))
	u.awaitAll(t, []string{"evt_readable"})
	if text := second.says("webhook", "status"); !strings.Contains(text, "Warning: events wait that cannot be read: give `encrypt` the key") {
		t.Errorf("status:\n%s", text)
	}
	if taken, _ := u.counts(); len(taken) != 2 {
		t.Errorf("%d events were delivered without their key", len(taken)-2)
	}
	encrypt(second, "{env.HOOKWICKET_KEY_1} {env.HOOKWICKET_KEY_2}")
	if err := second.reload(); err != nil {
		t.Fatal(err)
	}
	u.awaitAll(t, ids)
	until(t, "it has nothing to warn of", func() bool { return !strings.Contains(second.says("webhook", "status"), "Warning: ") })

	encrypt(first, "{env.HOOKWICKET_KEY_3}")
	err := first.command("run", "--config", first.caddyfile(), "--adapter", "caddyfile").Run()
	if err == nil || !strings.Contains(first.log.String(), "encrypted with another key") {
		t.Errorf("a strange key: %v", err)
	}
	taken, _ := u.counts()
	for id, n := range taken {
		if n != 1 {
			t.Errorf("%s was delivered %d times", id, n)
		}
	}
	for _, g := range all {
		for _, key := range []string{"1f1f1f", "2f2f2f", "3f3f3f"} {
			if strings.Contains(g.log.String(), key) {
				t.Error("the log contains a key")
			}
		}
	}
}

// TestClusterAway: a database that is away does not keep the gateway from starting. A wrong
// database does, and neither shows the password.
func TestClusterAway(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	g := newGateway(t, endpoint(u))
	g.store = fmt.Sprintf(`store postgres "host=%s user=postgres dbname=postgres password=geheim"`, t.TempDir())
	g.configure(endpoint(u))
	if err := g.command("validate", "--config", g.caddyfile(), "--adapter", "caddyfile").Run(); err != nil {
		t.Fatalf("validate: %v", err)
	}
	g.start()
	status, err := post(g.url("/hook"), genericBody("evt_1"))
	if err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("got %d, %v", status, err)
	}
	if strings.Contains(g.log.String(), "geheim") {
		t.Error("the log contains the password")
	}

	wrong := newGateway(t, endpoint(u))
	wrong.store = fmt.Sprintf(`store postgres "%s password=geheim"`, strings.Replace(pgtest.DSN(t), "dbname=postgres", "dbname=nowhere", 1))
	wrong.configure(endpoint(u))
	err = wrong.command("run", "--config", wrong.caddyfile(), "--adapter", "caddyfile").Run()
	if err == nil || !strings.Contains(wrong.log.String(), "nowhere") {
		t.Errorf("a database that does not exist: %v", err)
	}
	if strings.Contains(wrong.log.String(), "geheim") {
		t.Error("the log contains the password")
	}
}

// TestClusterReload: a reload with other options of the store has an effect, and loses nothing.
func TestClusterReload(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	_, all := newCluster(t, 1, endpoint(u))
	g := all[0]
	g.start()
	plain := g.store
	n := 0
	send := func() int {
		n++
		status, err := post(g.url("/hook"), genericBody(eventID(n)))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	options := func(lines string, sites string) error {
		g.store = strings.Replace(plain, "lease 2s", lines, 1)
		g.configure(sites)
		return g.reload()
	}
	if status := send(); status != http.StatusOK {
		t.Fatalf("at first: %d", status)
	}
	if err := options("lease 2s\n\t\t\tdurability 3", endpoint(u)); err != nil {
		t.Fatal(err)
	}
	if status := send(); status != http.StatusServiceUnavailable {
		t.Errorf("with a durability that the database does not have: %d", status)
	}
	n-- // it was not accepted
	for _, lines := range []string{"lease 3s", "lease 3s\n\t\t\tpool 6", "lease 2s"} {
		if err := options(lines, endpoint(u)); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if status := send(); status != http.StatusOK {
				t.Errorf("%s: %d", lines, status)
			}
		}
	}
	before := g.store
	if err := options("lease 2s\n\t\t\tmigrate off\n\t\t\tschema nowhere", endpoint(u)); err == nil {
		t.Error("a schema without tables was loaded")
	}
	g.store = before
	if status := send(); status != http.StatusOK {
		t.Errorf("after a reload that failed: %d", status)
	}
	u.await(t, "all events are delivered", func(taken map[string]int, _ int) bool { return len(taken) == n })
	taken, _ := u.counts()
	for event, times := range taken {
		if times != 1 {
			t.Errorf("%s was delivered %d times", event, times)
		}
	}
	until(t, "the stores of before are closed", func() bool {
		c := g.status().Store.Cluster
		return c != nil && len(c.Nodes) == 1
	})
}

// TestClusterCommands: commands look into the database while a gateway is at work.
func TestClusterCommands(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	schema, all := newCluster(t, 1, endpoint(u))
	g := all[0]
	g.start()
	for i := range 3 {
		mustPost(t, g.url("/hook"), genericBody(eventID(i)))
	}
	u.await(t, "delivered", func(taken map[string]int, _ int) bool { return len(taken) == 3 })
	store := []string{"--store", pgtest.DSN(t) + " password=geheim", "--schema", schema}
	says := func(args ...string) string {
		t.Helper()
		out, err := g.output(append(args, store...)...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	var report string
	until(t, "the check counts what was delivered", func() bool {
		report = says("webhook", "check")
		return strings.Contains(report, "3 delivered")
	})
	for _, want := range []string{"3 events of ", "fsync = off", "warning: fsync is off", "Nothing is wrong in the tables.", "GATEWAY"} {
		if !strings.Contains(report, want) {
			t.Errorf("%q is not in\n%s", want, report)
		}
	}
	for _, args := range [][]string{
		append([]string{"webhook", "learnt", "--endpoint", "generic"}, store...),
		append([]string{"webhook", "check", "--salvage", t.TempDir()}, store...),
		{"webhook", "check", "--store", t.TempDir(), "--schema", schema},
		append([]string{"webhook", "check"}, "--store", pgtest.DSN(t)+" password=geheim", "--schema", "nowhere"),
	} {
		out, err := g.output(args...)
		if err == nil || !strings.Contains(out, "Error: ") || strings.Contains(out, "geheim") || strings.Contains(out, "panic") {
			t.Errorf("%v: %v\n%s", args[1:2], err, out)
		}
	}
	if strings.Contains(report, "geheim") {
		t.Error("the report contains the password")
	}
	if out := says("webhook", "migrate"); !strings.Contains(out, "there already") {
		t.Error(out)
	}
}
