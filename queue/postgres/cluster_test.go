package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// node is a store that a test opens under a name.
func node(t *testing.T, schema, name string, change func(*postgres.Options)) *postgres.Store {
	t.Helper()
	o := postgres.Options{DSN: pgtest.DSN(t), Schema: schema, Node: name, Lease: time.Second, Settings: queue.DefaultSettings()}
	if change != nil {
		change(&o)
	}
	s, err := postgres.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// until waits for a state of the stores.
func until(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !there(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to this: ", what)
		}
	}
}

// nodesOf describes the nodes that a store sees, in a line.
func nodesOf(s *postgres.Store) string {
	var words []string
	for _, n := range s.Stats().Cluster.Nodes {
		word := n.Name + " " + n.Version
		if n.This {
			word += " this"
		}
		if n.Silent {
			word += " silent"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func warnings(s *postgres.Store) string {
	var lines []string
	for _, w := range s.Stats().Cluster.Warnings(func(e string) bool { return e != "hidden" }) {
		lines = append(lines, w.Text)
	}
	return strings.Join(lines, "\n")
}

// TestClusterNodes: each node sees all nodes, who owns what, and who has gone.
func TestClusterNodes(t *testing.T) {
	schema := pgtest.Schema(t)
	var stores []*postgres.Store
	for i := range 3 {
		s := node(t, schema, fmt.Sprintf("gw%d", i+1), nil)
		s.Announce(queue.Configuration{Version: "1.4.0"})
		stores = append(stores, s)
	}
	const many = 12
	for i := range many {
		m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
		to := queue.Destination{Endpoint: "e", Forward: fmt.Sprint(i)}
		if _, err := stores[i%3].Accept(t.Context(), m, queue.Identity{}, queue.To(to)...); err != nil {
			t.Fatal(err)
		}
	}
	owned := func(s *postgres.Store, name string) (n int) {
		for _, x := range s.Stats().Cluster.Nodes {
			if x.Name == name {
				n += x.Destinations
			}
		}
		return n
	}
	for i, s := range stores {
		var want []string
		for j := range stores {
			word := fmt.Sprintf("gw%d 1.4.0", j+1)
			if i == j {
				word += " this"
			}
			want = append(want, word)
		}
		until(t, "all nodes are seen", func() bool { return nodesOf(s) == strings.Join(want, ", ") })
		until(t, "every destination has an owner of its own", func() bool {
			return owned(s, "gw1")+owned(s, "gw2")+owned(s, "gw3") == many && owned(s, "gw3") == owned(stores[2], "gw3")
		})
	}
	// The counts of a destination come from its owner alone, and its name from all.
	until(t, "the sum over the owners is right", func() bool {
		waiting, owners := int64(0), make(map[queue.Destination][]string)
		for _, s := range stores {
			for name, d := range s.Stats().Destinations {
				owners[name] = append(owners[name], d.Owner)
				if !d.Elsewhere {
					waiting += d.Waiting
				}
			}
		}
		for _, list := range owners {
			if slices.Sort(list); list[0] == "" || list[0] != list[2] {
				return false
			}
		}
		return waiting == many && len(owners) == many
	})
	took := owned(stores[2], "gw3")
	before := stores[0].Stats().Cluster.TakeOvers + stores[1].Stats().Cluster.TakeOvers
	if before != 0 {
		t.Errorf("%d take-overs while all live", before)
	}
	stores[2].Abandon()
	until(t, "the others have taken over", func() bool {
		return owned(stores[0], "gw1")+owned(stores[0], "gw2") == many && nodesOf(stores[0]) == "gw1 1.4.0 this, gw2 1.4.0, gw3 1.4.0 silent"
	})
	if n := stores[0].Stats().Cluster.TakeOvers + stores[1].Stats().Cluster.TakeOvers; n != int64(took) {
		t.Errorf("%d take-overs, want %d", n, took)
	}
	again := node(t, schema, "gw3", nil)
	again.Announce(queue.Configuration{Version: "1.5.0"})
	until(t, "the node is back under its name", func() bool { return nodesOf(stores[0]) == "gw1 1.4.0 this, gw2 1.4.0, gw3 1.5.0" })
	stores[1].Close()
	until(t, "a node that was stopped is gone", func() bool { return nodesOf(stores[0]) == "gw1 1.4.0 this, gw3 1.5.0" })
	if w := warnings(stores[0]); w != "" {
		t.Errorf("warned of %s", w)
	}
}

// TestClusterDiffers: nodes with different configurations say so, by the names of endpoints.
func TestClusterDiffers(t *testing.T) {
	schema := pgtest.Schema(t)
	var mu sync.Mutex
	var log bytes.Buffer
	a := node(t, schema, "a", func(o *postgres.Options) {
		o.Logger = slog.New(slog.NewTextHandler(writer(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(b)
		}), nil))
	})
	b := node(t, schema, "b", nil)
	is := func(options, stripe, github, hidden string) queue.Configuration {
		return queue.Configuration{Version: "1", Options: options, Endpoints: map[string]string{"stripe": stripe, "github": github, "hidden": hidden}}
	}
	a.Announce(is("o", "x", "y", "z"))
	b.Announce(is("o", "x", "other", "other"))
	until(t, "the difference is named", func() bool {
		return warnings(a) == "b runs another configuration of github: give all gateways the same"
	})
	logged := func() int {
		mu.Lock()
		defer mu.Unlock()
		return strings.Count(log.String(), "github, hidden")
	}
	until(t, "it is logged", func() bool { return logged() > 0 })
	until(t, "the other node says it, too", func() bool {
		return warnings(b) == "a runs another configuration of github: give all gateways the same"
	})
	more := is("o", "x", "y", "z")
	more.Endpoints["only\nhere"] = "n"
	b.Announce(more)
	until(t, "an endpoint that one of them has", func() bool {
		return warnings(a) == "b runs another configuration of only\uFFFDhere: give all gateways the same"
	})
	b.Announce(is("p", "x", "y", "z"))
	until(t, "the options differ", func() bool {
		return warnings(a) == "b runs with another block webhook_gateway in the global options: give all gateways the same"
	})
	b.Announce(is("o", "x", "y", "z"))
	until(t, "they are the same", func() bool { return warnings(a) == "" && warnings(b) == "" })
	if n := logged(); n != 1 {
		t.Errorf("the first difference was logged %d times", n)
	}
	c := node(t, schema, "c", func(o *postgres.Options) { o.Lease = 2 * time.Second })
	c.Announce(is("o", "x", "y", "z"))
	until(t, "the lease differs", func() bool {
		return warnings(a) == "c runs with another block webhook_gateway in the global options: give all gateways the same"
	})
	newer := is("o", "x", "y", "different")
	newer.Version = "2"
	c.Announce(newer)
	until(t, "versions are not compared", func() bool { return nodesOf(a) == "a 1 this, b 1, c 2" && warnings(a) == "" })
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// TestClusterNames: two nodes of one name and a clock that is off are told apart and named.
func TestClusterNames(t *testing.T) {
	schema := pgtest.Schema(t)
	first := node(t, schema, "gw", nil)
	node(t, schema, "gw", nil)
	node(t, schema, "late", func(o *postgres.Options) {
		o.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	})
	until(t, "both are named", func() bool {
		w := warnings(first)
		return strings.Contains(w, "2 gateways are called gw: ") && strings.Contains(w, "the clock of late is 1h0m0") && strings.Contains(w, " behind the database's") && strings.Count(w, "\n") == 1
	})
	if skew := first.Stats().Cluster.Skew; skew.Abs() > time.Second {
		t.Errorf("its own clock is off by %v", skew)
	}
}

// TestClusterGone: a node that was killed, started again and stopped is missing nowhere.
func TestClusterGone(t *testing.T) {
	schema := pgtest.Schema(t)
	watch := node(t, schema, "watch", nil)
	node(t, schema, "gw", nil).Abandon()
	until(t, "the killed one is silent", func() bool { return nodesOf(watch) == "gw  silent, watch  this" })
	again := node(t, schema, "gw", nil)
	until(t, "it is back", func() bool { return nodesOf(watch) == "gw , watch  this" })
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "it has left", func() bool { return nodesOf(watch) == "watch  this" })
}

// TestScrape: what the metrics read costs the database nothing, and goes on while it hangs.
func TestScrape(t *testing.T) {
	schema := pgtest.Schema(t)
	w, dsn := through(t, pgtest.DSN(t))
	s := node(t, schema, "gw", func(o *postgres.Options) { o.DSN = dsn })
	var mu sync.Mutex
	events := 0
	other := node(t, schema, "other", func(o *postgres.Options) {
		o.Committed = func(n int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if events += n; took <= 0 {
				t.Errorf("a commit took %v", took)
			}
		}
	})
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
	if _, err := other.Accept(t.Context(), m, queue.Identity{}, queue.To(queue.Destination{Endpoint: "e"})...); err != nil {
		t.Fatal(err)
	}
	if mu.Lock(); events != 1 {
		t.Errorf("%d events were committed", events)
	}
	mu.Unlock()
	if c := other.Stats().Cluster; c.Commit <= 0 || c.MaxConnections != 12 || c.Used+c.Idle == 0 {
		t.Errorf("%+v", c)
	}
	until(t, "the node is ready", func() bool { return len(s.Stats().Cluster.Nodes) == 2 })
	w.hold(true)
	until(t, "the age of the lease shows it", func() bool {
		c := s.Stats().Cluster
		return c.LeaseAge > time.Second && len(c.Nodes) == 2
	})
	w.hold(false)
	until(t, "the lease is renewed", func() bool { return s.Stats().Cluster.LeaseAge < time.Second })
}

// TestSurvey: the statistics of the database are shown where the role may see them.
func TestSurvey(t *testing.T) {
	schema := pgtest.Schema(t)
	s := node(t, schema, "gw", nil)
	if c := s.Stats().Cluster; c.Format != 1 || !strings.Contains(c.Server, "PostgreSQL ") || c.Hidden || c.DeadRows < 0 || c.Copies != 0 { // fsync is off in tests
		t.Errorf("%+v", c)
	}
	connect := func(dsn string) *pgx.Conn {
		c, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(context.Background()) })
		return c
	}
	owner := connect(pgtest.DSN(t))
	tx, err := owner.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err == nil {
		_, err = tx.Exec(t.Context(), "select 1 from pg_class limit 1")
	}
	if err != nil {
		t.Fatal(err)
	}
	until(t, "an open transaction shows", func() bool { return s.Stats().Cluster.Snapshot > time.Second })
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "it is over", func() bool { return s.Stats().Cluster.Snapshot < time.Second })

	// What receives the log of the database is a standby to it.
	standby := exec.Command(pgtest.Program(t, "pg_receivewal"), "-d", pgtest.DSN(t)+" application_name=pg2", "-D", t.TempDir(), "--synchronous", "--no-loop")
	if err := standby.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "a standby shows", func() bool {
		return slices.Equal(s.Stats().Cluster.Standbys, []queue.Standby{{Name: "pg2", Sync: "async"}})
	})
	_ = standby.Process.Kill()
	_ = standby.Wait()
	until(t, "it is gone", func() bool { return len(s.Stats().Cluster.Standbys) == 0 })

	role := "plain_" + schema
	if _, err := owner.Exec(t.Context(), "create role "+role+" login; grant create on database postgres to "+role); err != nil {
		t.Fatal(err)
	}
	plain := node(t, schema+"p", "gw", func(o *postgres.Options) { o.DSN = strings.Replace(o.DSN, "user=postgres", "user="+role, 1) })
	if c := plain.Stats().Cluster; !c.Hidden || c.Snapshot != -1 || c.Standbys != nil || c.DeadRows < 0 || warnings(plain) != "" {
		t.Errorf("%+v", c)
	}
}

// TestFollow: what nodes tell reaches those that follow, and nobody tells anything otherwise.
func TestFollow(t *testing.T) {
	schema := pgtest.Schema(t)
	a, b, c := node(t, schema, "a", nil), node(t, schema, "b", nil), node(t, schema, "c", nil)
	stranger := node(t, schema+"x", "stranger", nil)
	var mu sync.Mutex
	heard := make(map[string]int)
	stop, err := a.Follow(func(node string, text []byte) {
		mu.Lock()
		defer mu.Unlock()
		heard[node+" "+string(text)]++
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the others are followed", func() bool { return b.Followed() && c.Followed() })
	if a.Followed() || stranger.Followed() {
		t.Error("a node follows itself, or another schema")
	}
	until(t, "the first words are heard", func() bool {
		a.Tell([]byte("own"))
		stranger.Tell([]byte("foreign"))
		b.Tell([]byte(`{"x":"é"}`))
		c.Tell([]byte("two words"))
		mu.Lock()
		defer mu.Unlock()
		return heard[`b {"x":"é"}`] > 0 && heard["c two words"] > 0
	})
	for i := range 200 {
		for !b.Tell([]byte(fmt.Sprint("text ", i, strings.Repeat("x", 7000)))) {
			time.Sleep(time.Millisecond)
		}
	}
	until(t, "all of them are heard", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return heard["b text 199"+strings.Repeat("x", 7000)] == 1
	})
	if b.Tell(make([]byte, 8000)) {
		t.Error("a text is too long for the database")
	}
	mu.Lock()
	if len(heard) != 202 {
		t.Errorf("%d texts were heard", len(heard))
	}
	mu.Unlock()
	var stops []func()
	for {
		more, err := a.Follow(func(string, []byte) {})
		if err != nil {
			break
		}
		stops = append(stops, more)
	}
	if len(stops) != 3 {
		t.Errorf("%d more followers", len(stops))
	}
	for _, more := range append(stops, stop) {
		more()
	}
	until(t, "nobody is followed", func() bool { return !b.Followed() && !c.Followed() })
	deaf := node(t, schema, "deaf", func(o *postgres.Options) { o.NoListen = true })
	if _, err := deaf.Follow(nil); err == nil {
		t.Error("it follows without listening")
	}
}
