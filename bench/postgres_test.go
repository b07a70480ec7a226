package bench

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// The benchmarks of this file hold `store postgres` against the store in a folder, or against itself.
// They are skipped where there is no PostgreSQL.

// manyKeys is how many dedupe keys there are already where many are measured.
var manyKeys = int64(setting("HOOKWICKET_BENCH_KEYS", 1_000_000))

// database is a PostgreSQL for stores, each in a schema of its own.
type database struct {
	*pgtest.Server
	schemas int
}

// newDatabase starts one, with standbys for one of which each commit waits.
func newDatabase(b *testing.B, standbys int) *database {
	b.Helper()
	folder := newFolder(b)
	for _, name := range []string{workFolder, folder} { // the server may run as another user
		if err := os.Chmod(name, 0o711); err != nil {
			b.Fatal(err)
		}
	}
	d := &database{Server: pgtest.NewServer(b, folder, "shared_buffers = 512MB", "max_wal_size = 4GB")}
	var names []string
	for i := range standbys {
		names = append(names, fmt.Sprintf("pg%d", i+2))
		d.Standby(b, names[i])
	}
	if standbys > 0 {
		d.Exec(b, "alter system set synchronous_standby_names = 'ANY 1 ("+strings.Join(names, ", ")+")'", "select pg_reload_conf()")
		await(b, "the standbys are connected", func() bool {
			return d.number(b, "select count(*) from pg_stat_replication where sync_state = 'quorum'") == int64(standbys)
		})
	}
	return d
}

// store is for run.store: a schema without events. The one before goes.
func (d *database) store(b *testing.B) string {
	b.Helper()
	before := d.schema()
	d.schemas++
	d.Exec(b, "drop schema if exists "+before+" cascade", "checkpoint")
	return d.line("gw")
}

func (d *database) schema() string { return fmt.Sprintf("bench_%d", d.schemas) }

// line is that of the Caddyfile.
func (d *database) line(node string) string {
	return fmt.Sprintf("postgres %q {\n\t\t\tschema %s\n\t\t\tnode %s\n\t\t}", d.DSN(), d.schema(), node)
}

// withKeys is for run.store: a schema that has so many dedupe keys, which later turns use again.
func (d *database) withKeys(n int64) func(*testing.B) string {
	filled := false
	return func(b *testing.B) string {
		b.Helper()
		if filled {
			d.Exec(b, strings.ReplaceAll("truncate {s}.message, {s}.delivery, {s}.attempt, {s}.inbox, {s}.destination, {s}.node", "{s}", d.schema()), "checkpoint")
			return d.line("gw")
		}
		if _, err := postgres.Migrate(b.Context(), postgres.Options{DSN: d.DSN(), Schema: d.schema()}); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		d.Exec(b, fmt.Sprintf("insert into %s.key (key, expires) select md5(i::text)::uuid, %d from generate_series(1, %d) i",
			d.schema(), time.Now().Add(72*time.Hour).UnixNano(), n),
			"vacuum analyze "+d.schema()+".key", "checkpoint")
		fmt.Fprintf(os.Stderr, "%s keys put into the database in %s\n", number(float64(n), 0), time.Since(began).Round(100*time.Millisecond))
		filled = true
		return d.line("gw")
	}
}

// number runs a query that returns one.
func (d *database) number(b *testing.B, query string) (n int64) {
	b.Helper()
	c, err := pgx.Connect(b.Context(), d.DSN())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(b.Context())
	if err := c.QueryRow(b.Context(), query).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// await waits for a state of the database.
func await(b *testing.B, what string, there func() bool) {
	b.Helper()
	for began := time.Now(); !there(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			b.Fatal("it did not come to this: ", what)
		}
	}
}

// BenchmarkPostgres measures accepting and delivering with a database, beside the store in a folder.
func BenchmarkPostgres(b *testing.B) {
	one, three, full := newDatabase(b, 0), newDatabase(b, 2), newDatabase(b, 0)
	accept := run{site: "github", silent: true}
	with := func(store func(*testing.B) string) run {
		r := accept
		r.store = store
		return r
	}
	compare(b,
		contender{name: "pebble", label: "accepted: a folder", measure: accept.measure},
		contender{
			name: "postgres", label: "accepted: PostgreSQL", measure: with(one.store).measure,
			ratios: []ratio{{to: "pebble", atLeast: 0.35}},
		},
		contender{
			name: "standbys", label: "accepted: PostgreSQL, on one of two standbys as well", measure: with(three.store).measure,
			ratios: []ratio{{to: "pebble", atLeast: 0.25}},
		},
		contender{
			name: "keys", label: "accepted: PostgreSQL with " + number(float64(manyKeys), 0) + " keys", measure: with(full.withKeys(manyKeys)).measure,
			ratios: []ratio{{to: "postgres", atLeast: 0.7}},
		},
		contender{
			name: "delivered", label: "accepted and delivered: PostgreSQL", measure: run{site: "github", store: one.store}.measureDelivered,
			ratios: []ratio{{to: "postgres", atLeast: 0.5}},
		},
	)
}

const (
	lease    = 4 * time.Second // the default
	takeOver = "takeover-ms"
)

// BenchmarkTakeOver measures how long an event waits whose gateway is killed.
func BenchmarkTakeOver(b *testing.B) {
	d := newDatabase(b, 0)
	compare(b,
		contender{name: "lease", measure: func(*testing.B) figures { return figures{takeOver: float64(lease.Milliseconds())} }},
		contender{
			name: "killed", label: "delivered by another gateway after kill -9", measure: d.measureTakeOver,
			ratios: []ratio{{to: "lease", of: takeOver, atMost: float64((lease + time.Second).Milliseconds()) / float64(lease.Milliseconds())}},
		},
	)
}

// measureTakeOver kills the owner of two gateways. The other one accepts events at once, and delivers
// them when it has taken over.
func (d *database) measureTakeOver(b *testing.B) figures {
	b.Helper()
	startUpstream(b)
	d.store(b)
	const some = 50 * time.Millisecond
	l, events := load{connections: 4}, newBatch("github", 10_000, bodySize)
	expect(b, events)
	var gateways []*process
	for _, node := range []string{"0", "1"} {
		folder := newFolder(b)
		defer os.RemoveAll(folder)
		p := startGateway(b, folder, upstream.addresses["counting"], upstream.addresses["silent"], 0, storeVariable+"="+d.line(node))
		defer p.stop()
		gateways = append(gateways, p)
	}
	sent := 0
	offer := func(p *process) {
		a, err := l.offer(p.addresses["github"], events, some)
		if err != nil {
			b.Fatalf("%v\nlog: %s", err, p.lastWords())
		}
		sent += a.count
	}
	for _, p := range gateways {
		offer(p)
	}
	awaitEvents(b, gateways[0], sent)
	await(b, "all outcomes are in the database", func() bool {
		return d.number(b, "select count(*) from "+d.schema()+".delivery where state = 0") == 0
	})
	owner := d.number(b, "select n.name::bigint from "+d.schema()+".destination d join "+d.schema()+".node n on n.id = d.owner where d.name like 'github%'")
	killed := time.Now()
	if err := gateways[owner].cmd.Process.Kill(); err != nil {
		b.Fatal(err)
	}
	offer(gateways[1-owner])
	last := awaitEvents(b, gateways[1-owner], sent)
	return figures{takeOver: float64(last.Sub(killed).Milliseconds())}
}

// BenchmarkScrape measures reading the metrics, and reads them while the database stands still: what
// needed a statement would wait for it.
func BenchmarkScrape(b *testing.B) {
	d := newDatabase(b, 0)
	compare(b,
		contender{name: "running", label: "metrics read", measure: func(b *testing.B) figures { return d.measureScrape(b, false) }},
		contender{
			name: "frozen", label: "metrics read while the database stands still", measure: func(b *testing.B) figures { return d.measureScrape(b, true) },
			ratios: []ratio{{to: "running"}},
		},
	)
}

func (d *database) measureScrape(b *testing.B, frozen bool) figures {
	b.Helper()
	s := run{site: "github", silent: true, store: d.store}.begin(b)
	defer s.end()
	if _, err := s.load.offer(s.address, s.batch, warmUp()); err != nil {
		s.fail(b, err)
	}
	if frozen {
		d.Freeze(b, true)
		defer d.Freeze(b, false)
	}
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	used, count, began := s.process.used(), 0, time.Now()
	for time.Since(began) < duration(seconds) {
		resp, err := client.Get("http://" + s.process.addresses["metrics"] + "/metrics")
		if err != nil {
			s.fail(b, err)
		}
		text := new(strings.Builder)
		_, err = fmt.Fprint(text, resp.StatusCode, " ")
		if err == nil {
			err = resp.Write(text)
		}
		resp.Body.Close()
		if err != nil || !strings.HasPrefix(text.String(), "200 ") || !strings.Contains(text.String(), "caddy_webhook_gateway_node_lease_age_seconds ") {
			b.Fatalf("the metrics of the store are missing: %v, %.200s", err, text)
		}
		count++
	}
	f := s.cost(count, used)
	f[perSecond] = float64(count) / time.Since(began).Seconds()
	return f
}
