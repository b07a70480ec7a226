package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
)

var awayFor = flag.Duration("away", 5*time.Second, "how long the database of TestClusterEngineAway is away; longer than the lease of 2s")

// newClusterOn makes gateways whose database is at a DSN.
func newClusterOn(t *testing.T, n int, dsn, sites string) (all []*gateway) {
	for i := range n {
		g := newGateway(t, sites)
		g.store = fmt.Sprintf("store postgres %q {\n\t\t\tnode %d\n\t\t\tlease 2s\n\t\t}", dsn, i)
		g.configure(sites)
		g.start()
		all = append(all, g)
	}
	return all
}

// offer sends a signed body once. A refusal has to be a 503 that says when to try again.
func offer(t *testing.T, url, body string) (accepted bool) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Error(err)
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Webhook-Signature", sign(body))
	resp, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return false
	}
	defer resp.Body.Close()
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode != http.StatusOK &&
		(resp.StatusCode != http.StatusServiceUnavailable || err != nil || seconds < 1) {
		t.Errorf("a sender got %d with Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	return resp.StatusCode == http.StatusOK
}

// flow is senders that send one event after the other, each again until it is accepted.
type flow struct {
	stop    context.CancelFunc
	senders sync.WaitGroup

	mu      sync.Mutex
	acked   [][]string // by sender, in their order
	latest  time.Time  // answer with a 200
	gap     time.Duration
	refused int
}

func startFlow(t *testing.T, senders int, urls []string) *flow {
	ctx, stop := context.WithCancel(t.Context())
	f := &flow{stop: stop, acked: make([][]string, senders), latest: time.Now()}
	t.Cleanup(f.end)
	for line := range senders {
		f.senders.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("evt_%d_%06d", line, i)
				body := fmt.Sprintf(`{"id":%q,"type":"order.paid","created_at":%q,"data":{"line":"line %d"}}`, id, time.Now().UTC().Format(time.RFC3339), line)
				for try := i; !offer(t, urls[try%len(urls)], body); try++ {
					f.note(func() { f.refused++ })
					if ctx.Err() != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
				f.note(func() {
					f.acked[line] = append(f.acked[line], id)
					f.gap = max(f.gap, time.Since(f.latest))
					f.latest = time.Now()
				})
			}
		})
	}
	return f
}

func (f *flow) note(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// more waits until each sender has got another n acknowledgements.
func (f *flow) more(t *testing.T, n int) {
	t.Helper()
	count := func() (counts []int) {
		f.note(func() {
			for _, list := range f.acked {
				counts = append(counts, len(list))
			}
		})
		return counts
	}
	before := count()
	until(t, "events are accepted", func() bool {
		for i, now := range count() {
			if now < before[i]+n {
				return false
			}
		}
		return true
	})
}

func (f *flow) end() {
	f.stop()
	f.senders.Wait()
}

// settle accounts for every acknowledged event: none is lost, none has overtaken another one of its
// line, and those that came more than once came first at a time that may repeat them.
func (f *flow) settle(t *testing.T, r *receiver, mayRepeat func(time.Time) bool) (acked, repeated int) {
	t.Helper()
	f.end()
	all := slices.Concat(f.acked...)
	until(t, "all acknowledged events are delivered", func() bool { return r.missing(all) == 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	place := make(map[string]int)
	for i, id := range r.order {
		place[id] = i
	}
	for _, list := range f.acked {
		for i := 1; i < len(list); i++ {
			if place[list[i]] < place[list[i-1]] {
				t.Errorf("%s was delivered before %s", list[i], list[i-1])
			}
		}
	}
	for id, times := range r.taken {
		if len(times) < 2 {
			continue
		}
		repeated++
		if !mayRepeat(times[0]) {
			t.Errorf("%s was delivered %d times, at first %v, when nothing had died", id, len(times), times[0])
		}
	}
	return len(all), repeated
}

// lined is an endpoint that delivers the events of each line in their order.
func lined(addr string) string {
	return fmt.Sprintf("ADDR {\n\twebhook_gateway /hook generic {\n\t\tsecret %s\n\t\tforward %s {\n\t\t\torder by json data.line\n\t\t}\n\t}\n}\n", secret, addr)
}

// TestClusterFailover: the primary is killed under load and a standby that has all commits is
// promoted. The gateways go on with it by themselves. Later the former primary comes back, and
// nobody uses it.
func TestClusterFailover(t *testing.T) {
	unraced(t)
	a := pgtest.NewHost(t, "a")
	b, c := a.Standby("b"), a.Standby("c")
	a.WaitFor("ANY 1 (b, c)", b, c)
	r := newReceiver(t)
	all := newClusterOn(t, 2, pgtest.Hosts(a, b, c), lined(r.addr))
	f := startFlow(t, 4, []string{all[0].url("/hook"), all[1].url("/hook")})
	f.more(t, 20)

	f.note(func() { f.gap = 0 })
	died := time.Now()
	a.Kill()
	primary := pgtest.FailOver(b, c)
	promoted := time.Since(died)
	f.more(t, 20)
	var gap time.Duration
	f.note(func() { gap = f.gap })

	a.Start()
	a.WaitFor("") // it would acknowledge now
	before := a.Int("select count(*) from hookwicket.message")
	primary.Int("select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() and datname = 'postgres'")
	f.more(t, 20)
	if n := a.Int("select count(*) from hookwicket.message"); n != before {
		t.Errorf("the former primary got %d events", n-before)
	}
	acked, repeated := f.settle(t, r, func(at time.Time) bool { return at.After(died.Add(-2 * time.Second)) })
	t.Logf("%d acknowledged, lost 0, out of order 0, %d delivered again; promoted after %v, no event accepted for %v; %d tries were refused",
		acked, repeated, promoted.Round(time.Millisecond), gap.Round(time.Millisecond), f.refused)
}

// TestClusterEngineAway: the database is away for longer than the lease. Senders get 503, nothing is
// attempted whose outcome cannot be written, memory stays bounded, and all that was accepted
// before is delivered afterwards. `make soak` does it for 30 s.
func TestClusterEngineAway(t *testing.T) {
	unraced(t)
	host := pgtest.NewHost(t, "a")
	u := newUpstream(t)
	all := newClusterOn(t, 2, host.DSN(), endpoint(u))
	var begun, running atomic.Int64
	u.behave(func(w http.ResponseWriter, q *http.Request) {
		begun.Add(1)
		running.Add(1)
		defer running.Add(-1)
		<-q.Context().Done()
		panic(http.ErrAbortHandler)
	})
	var ids []string
	for i := range 100 {
		ids = append(ids, eventID(i))
		mustPost(t, all[i%2].url("/hook"), genericBody(ids[i]))
	}
	until(t, "attempts are under way", func() bool { return running.Load() > 0 })
	before := residentMiB(t, all)

	host.Kill()
	died := time.Now()
	until(t, "attempts are cut off", func() bool { return running.Load() == 0 })
	cut := time.Since(died)
	u.behave(func(http.ResponseWriter, *http.Request) { begun.Add(1) })
	attempts := begun.Load()
	var refused atomic.Int64
	filler := strings.Repeat("x", 100<<10)
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() {
			for i := 0; time.Since(died) < *awayFor; i++ {
				body := fmt.Sprintf(`{"id":"evt_away_%d_%d","type":"t","created_at":%q,"data":{"filler":%q}}`, s, i, time.Now().UTC().Format(time.RFC3339), filler)
				if offer(t, all[i%2].url("/hook"), body) {
					t.Error("an event was accepted without the database")
				}
				refused.Add(1)
			}
		})
	}
	senders.Wait()
	if grown := residentMiB(t, all) - before; grown > 200 {
		t.Errorf("the gateways have grown by %d MiB", grown)
	}
	if n := begun.Load(); n != attempts {
		t.Errorf("%d attempts were made whose outcome could not be written", n-attempts)
	}

	host.Start()
	began := time.Now()
	u.awaitAll(t, ids)
	took := time.Since(began)
	until(t, "events are accepted", func() bool { return offer(t, all[0].url("/hook"), genericBody("evt_after")) })
	u.awaitAll(t, []string{"evt_after"})
	taken, _ := u.counts()
	for id, n := range taken {
		if n > 1 || strings.HasPrefix(id, "evt_away") {
			t.Errorf("%s was taken %d times", id, n)
		}
	}
	t.Logf("away for %v: attempts were cut off after %v, %d events refused, %d MiB more memory; all %d events were delivered %v after the start",
		time.Since(died).Round(time.Millisecond), cut.Round(time.Millisecond), refused.Load(), residentMiB(t, all)-before, len(ids), took.Round(time.Millisecond))
}

// residentMiB is the memory of the gateways together.
func residentMiB(t *testing.T, all []*gateway) (mib int) {
	t.Helper()
	for _, g := range all {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
		if err != nil {
			t.Skip("no /proc: ", err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
				n, err := strconv.Atoi(f[1])
				if err != nil {
					t.Fatal(err)
				}
				mib += n >> 10
			}
		}
	}
	return mib
}
