package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
)

var (
	soakTime = flag.Duration("soak", 2*time.Minute, "how long TestSoak keeps up its load and its faults")
	soakSeed = flag.Uint64("seed", 0, "the seed of TestSoak's faults (0: by the time)")
	soakOnly = flag.String("faults", ".", "a regular expression that picks the faults of TestSoak, or the cuts of TestPartition")
)

// TestSoak keeps a gateway under load for minutes while one thing after another
// goes wrong, and then accounts for every event that was acknowledged: each has
// to be at each of the forwards, in order where it was asked for, and more than
// once only if a kill came between. A longer run is `make soak`.
func TestSoak(t *testing.T) {
	t.Parallel()
	length := *soakTime
	if testing.Short() {
		length = 20 * time.Second
	}
	seed := *soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	s := newSoak(t, rand.New(rand.NewPCG(seed, 0)))
	s.start()
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	for line := range soakLines {
		senders.Go(func() { s.send(ctx, line) })
	}
	// Each fault comes once at least, however short the time.
	end := time.Now().Add(length)
	for round := 0; round == 0 || time.Now().Before(end); round++ {
		for _, f := range s.shuffled() {
			if round == 0 || time.Now().Before(end) {
				s.during(f.name)
				f.run(s)
				s.healed()
			}
		}
	}
	stop()
	senders.Wait()
	s.settle()
}

// soakLines is how many senders there are; each sends one event after the other,
// which makes a line of its own.
const soakLines = 8

// attemptTime is for one attempt.
const attemptTime = 5 * time.Second

type soak struct {
	t        *testing.T
	random   *rand.Rand
	gateway  *gateway
	store    string
	forwards map[string]*receiver
	variant  int

	mu     sync.Mutex
	acked  []string
	kills  []span // in which an answer may have been cut off
	began  []beginning
	hits   map[string]int // how often each fault came
	status map[string]int // what senders heard
	sent   atomic.Int64
}

func newSoak(t *testing.T, random *rand.Rand) *soak {
	s := &soak{t: t, random: random, hits: make(map[string]int), status: make(map[string]int), forwards: make(map[string]*receiver)}
	for _, name := range []string{"main", "audit", "lines"} {
		s.forwards[name] = newReceiver(t)
	}
	s.gateway = newGateway(t, "")
	s.store = filepath.Join(s.gateway.dir, "store")
	s.configure()
	return s
}

// configure writes the next variant of the configuration.
func (s *soak) configure() {
	s.variant++
	global := fmt.Sprintf(`{
	admin "unix/%s"
	auto_https off
	grace_period 5s
	webhook_gateway {
		store faulty %s
		retention 10s 16MiB
	}
}
`, s.gateway.admin(), s.store)
	site := fmt.Sprintf(`http://%s {
	webhook_gateway /hook generic {
		secret %s
		retry {
			age off
			backoff 50ms 2 1s
			timeout %s
		}
		circuit {
			open 100ms 500ms
		}
		forward %s
		forward {
			as audit
			reverse_proxy %s
		}
		forward {
			as lines
			order by json data.line
			reverse_proxy %s
		}
	}
	respond /version %d
}
`, s.gateway.addr, secret, attemptTime, s.forwards["main"].addr, s.forwards["audit"].addr, s.forwards["lines"].addr, s.variant)
	if err := os.WriteFile(s.gateway.caddyfile(), []byte(global+site), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *soak) start() { s.gateway.start() }

// send is a provider: it repeats an event until it is acknowledged, and now and
// then once more.
func (s *soak) send(ctx context.Context, line int) {
	random := rand.New(rand.NewPCG(uint64(line), 1))
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("evt_%d_%06d", line, n)
		body := fmt.Sprintf(`{"id":%q,"type":"order.paid","created_at":%q,"data":{"line":"line %d","filler":"%s"}}`,
			id, time.Now().UTC().Format(time.RFC3339), line, strings.Repeat("x", random.IntN(4000)))
		for heard := 0; heard != http.StatusOK; {
			var err error
			heard, err = s.try(client, body)
			if err != nil {
				heard = 0
			}
			if heard != http.StatusOK {
				time.Sleep(20 * time.Millisecond) // much less patient than a provider
			}
			s.mu.Lock()
			s.status[strconv.Itoa(heard)]++
			s.mu.Unlock()
		}
		s.mu.Lock()
		s.acked = append(s.acked, id)
		s.mu.Unlock()
		if random.IntN(20) == 0 {
			_, _ = s.try(client, body)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(random.IntN(10)) * time.Millisecond): // a rate that every fault leaves room for
		}
	}
}

func (s *soak) try(client *http.Client, body string) (int, error) {
	r, err := http.NewRequest(http.MethodPost, s.gateway.url("/hook"), strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("X-Webhook-Signature", sign(body))
	s.sent.Add(1)
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// fault is one thing that goes wrong, and is well again when run returns.
type fault struct {
	name string
	run  func(*soak)
}

// soakFaults are all of them.
var soakFaults = []fault{
	{"kill -9", func(s *soak) { s.killed(s.restart) }},
	{"kill -9, the log's end torn", func(s *soak) {
		s.killed(func() {
			s.gateway.kill()
			tear(s.t, s.store, s.random)
			s.start()
		})
	}},
	{"kill -9 while it starts", func(s *soak) {
		s.killed(s.restart)
		s.killed(s.restart)
	}},
	{"SIGTERM", func(s *soak) {
		s.gateway.stop()
		s.start()
	}},
	{"SIGSTOP", func(s *soak) {
		s.killed(func() {
			s.gateway.cmd.Process.Signal(syscall.SIGSTOP)
			s.pause(attemptTime + time.Second)
			s.gateway.cmd.Process.Signal(syscall.SIGCONT)
			s.healed() // attempts whose time was over are made again
		})
	}},
	{"full disk", func(s *soak) {
		s.spoil(faults{Full: true})
		s.pause(2 * time.Second)
		s.spoil(faults{})
	}},
	{"full disk, kill -9", func(s *soak) {
		s.spoil(faults{Full: true})
		s.pause(time.Second)
		s.killed(s.restart)
	}},
	{"slow disk", func(s *soak) {
		s.spoil(faults{Delay: 100 * time.Millisecond})
		s.pause(2 * time.Second)
		s.spoil(faults{})
	}},
	{"clock ahead", func(s *soak) {
		s.spoil(faults{Clock: time.Hour})
		s.pause(time.Second)
		s.spoil(faults{})
	}},
	{"clock behind", func(s *soak) {
		s.spoil(faults{Clock: -time.Hour})
		s.pause(time.Second)
		s.spoil(faults{})
	}},
	{"reload", func(s *soak) {
		for range 3 {
			s.configure()
			if err := s.gateway.reload(); err != nil {
				s.t.Error(err)
			}
		}
	}},
	{"upstream down", func(s *soak) {
		s.killed(s.forwards["main"].down) // an answer may be cut off on that side, too
		s.pause(2 * time.Second)
		s.forwards["main"].up(s.t)
	}},
	{"upstream down, kill -9", func(s *soak) {
		s.killed(s.forwards["lines"].down)
		s.pause(time.Second)
		s.killed(s.restart)
		s.forwards["lines"].up(s.t)
	}},
	{"upstream slow", func(s *soak) { s.misbehave("main", slowly) }},
	{"upstream failing", func(s *soak) { s.misbehave("lines", failing) }},
	{"upstream flapping", func(s *soak) { s.misbehave("lines", flapping) }},
	{"upstream resetting", func(s *soak) { s.misbehave("main", resetting) }},
	{"upstream cutting off", func(s *soak) { s.misbehave("lines", cutting) }},
	{"upstream hanging", func(s *soak) { s.misbehave("main", hanging) }},
}

func (s *soak) shuffled() []fault {
	only := regexp.MustCompile(*soakOnly)
	all := slices.DeleteFunc(slices.Clone(soakFaults), func(f fault) bool { return !only.MatchString(f.name) })
	s.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func (s *soak) during(fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits[fault]++
	s.began = append(s.began, beginning{fault, time.Now()})
}

// beginning is when a fault came.
type beginning struct {
	fault string
	at    time.Time
}

// underWay is the fault that was the last to come before a time.
func (s *soak) underWay(at time.Time) (fault string) {
	for _, b := range s.began {
		if b.at.Before(at) {
			fault = b.fault
		}
	}
	return fault
}

// span is from a time to another.
type span struct{ from, to time.Time }

// restart kills the gateway and starts it again.
func (s *soak) restart() {
	s.gateway.kill()
	s.start()
}

// killed does what may come between an upstream's answer and the gateway's mark,
// and notes when. An upstream goes on to take what a gateway that is dead has sent,
// so a kill lasts until the next start.
func (s *soak) killed(kill func()) {
	from := time.Now()
	kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kills = append(s.kills, span{from, time.Now()})
}

// pause lets a fault work for a while.
func (s *soak) pause(d time.Duration) { time.Sleep(d) }

// healed waits until events are acknowledged again.
func (s *soak) healed() {
	count := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.acked)
	}
	before := count()
	until(s.t, "events are acknowledged again", func() bool { return count() > before+10 })
}

func (s *soak) spoil(f faults) {
	if err := spoil(s.store, f); err != nil {
		s.t.Error(err)
	}
}

func (s *soak) misbehave(forward string, how behaviour) {
	r := s.forwards[forward]
	r.behave.Store(&how)
	s.pause(2 * time.Second)
	r.behave.Store(nil)
}

// settle waits for what was acknowledged, and accounts for it.
func (s *soak) settle() {
	for name, r := range s.forwards {
		s.arrived(name, r)
	}
	s.gateway.stop()
	s.sound()
	twice := 0
	for name, r := range s.forwards {
		twice += s.account(name, r)
	}
	s.t.Logf("%d acknowledged, each to %d forwards; lost 0; forwarded more than once %d, all across one of %d moments that cut answers off; %d requests sent, answers %v; faults %v",
		len(s.acked), len(s.forwards), twice, len(s.kills), s.sent.Load(), s.status, s.hits)
}

// sound looks at what is left on the disk: nothing waits, and nothing is amiss.
func (s *soak) sound() {
	report, err := check.Run(check.Options{Dir: s.store})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range report.Problems {
		s.t.Errorf("the store has a problem: %+v", p)
	}
	for _, d := range report.Destinations {
		if n := d.Deliveries[queue.StateWaiting] + d.Deliveries[queue.StateDead]; n != 0 || d.Bytes != 0 {
			s.t.Errorf("%d deliveries, %d bytes are left of %s", n, d.Bytes, d.Name)
		}
	}
}

// arrived waits until a forward has got all it should, for as long as there is
// progress.
func (s *soak) arrived(name string, r *receiver) {
	want := s.acked
	for left, last := r.missing(want), 0; left > 0; {
		last, left = left, -1
		until(s.t, fmt.Sprintf("%d events are still to come to %s: %s", last, name, s.state()), func() bool {
			left = r.missing(want)
			return left < last
		})
	}
}

// state is what the gateway says of its forwards.
func (s *soak) state() string {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.gateway.admin())
		},
	}}
	defer client.CloseIdleConnections()
	var all strings.Builder
	fmt.Fprintf(&all, "now %v, faults %v\n", time.Now().UTC(), s.began)
	for _, path := range []string{"endpoints", "deliveries?state=waiting&limit=20"} {
		resp, err := client.Get("http://localhost/webhook_gateway/" + path)
		if err != nil {
			return err.Error()
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Fprintln(&all, string(b), err)
	}
	return all.String()
}

// account checks that one forward got each event once, or again only after a
// kill, and the events of each line in their order.
func (s *soak) account(name string, r *receiver) (twice int) {
	acked := make(map[string]bool, len(s.acked))
	for _, id := range s.acked {
		acked[id] = true
	}
	last := make(map[string]string) // by line
	for _, id := range r.order {
		if !acked[id] {
			s.t.Errorf("%s: %s was forwarded, which was never acknowledged though its sender repeated it", name, id)
		}
		line, _, _ := strings.Cut(strings.TrimPrefix(id, "evt_"), "_")
		if name == "lines" && id < last[line] {
			s.t.Errorf("lines: %s came after %s", id, last[line])
		}
		last[line] = max(id, last[line])
	}
	for id, times := range r.taken {
		for i := 1; i < len(times); i++ {
			twice++
			if !s.killBetween(times[i-1], times[i]) {
				s.t.Errorf("%s: %s was forwarded at %v and again at %v, with no kill between, during %q and %q", name, id,
					times[i-1].Format(time.StampMilli), times[i].Format(time.StampMilli), s.underWay(times[i-1]), s.underWay(times[i]))
			}
		}
	}
	return twice
}

func (s *soak) killBetween(from, to time.Time) bool {
	for _, k := range s.kills {
		if from.Before(k.to) && k.from.Before(to) {
			return true
		}
	}
	return false
}
