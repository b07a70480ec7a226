package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
)

var partitionTime = flag.Duration("partition", 0, "how long TestPartition cuts the network of a cluster (0: not at all)")

// The hosts of TestPartition are network namespaces on a switch of their own. Nothing touches the
// machine's network.
const (
	dbAddr       = "10.201.0.1"
	balancerAddr = "10.201.0.8" // where requests come from
	upstreamAddr = "10.201.0.9"
	partitionEnv = "HOOKWICKET_PARTITION" // the prefix of the namespaces, in the process within one
)

var gatewayAddrs = []string{"10.201.0.2", "10.201.0.3"}

// TestPartition cuts the connections between two gateways, their database and their load balancer, one
// after the other and for longer than the lease, and accounts for every acknowledged event. It is
// part of `make soak`, and needs root.
func TestPartition(t *testing.T) {
	if prefix := os.Getenv(partitionEnv); prefix != "" {
		partition(t, prefix)
		return
	}
	if *partitionTime == 0 {
		t.Skip("make soak runs it")
	}
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("network namespaces need Linux and root")
	}
	for _, program := range []string{"ip", "setpriv"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err, ": install iproute2 and util-linux")
		}
	}
	prefix := fmt.Sprintf("hw%d", os.Getpid())
	hosts := map[string][]string{"db": {dbAddr}, "gw0": {gatewayAddrs[0]}, "gw1": {gatewayAddrs[1]}, "out": {balancerAddr, upstreamAddr}}
	t.Cleanup(func() {
		for name := range hosts {
			_ = exec.Command("ip", "netns", "del", prefix+name).Run()
		}
		_ = exec.Command("ip", "netns", "del", prefix+"sw").Run()
	})
	if out, err := exec.Command("ip", "netns", "add", prefix+"sw").CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %v: %s", err, out)
	}
	ip(t, "-n "+prefix+"sw link add br0 type bridge")
	ip(t, "-n "+prefix+"sw link set br0 up")
	for name, addrs := range hosts {
		ns := prefix + name
		ip(t, "netns add "+ns)
		ip(t, "-n "+ns+" link set lo up")
		ip(t, "link add eth0 netns "+ns+" type veth peer name "+name+" netns "+prefix+"sw")
		ip(t, "-n "+prefix+"sw link set "+name+" master br0 up")
		for _, a := range addrs {
			ip(t, "-n "+ns+" addr add "+a+"/24 dev eth0")
		}
		ip(t, "-n "+ns+" link set eth0 up")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", prefix+"out", self, "-test.run", "^TestPartition$", "-test.v", "-test.timeout", "0", "-partition", partitionTime.String(), "-faults", *soakOnly)
	cmd.Env = append(os.Environ(), partitionEnv+"="+prefix)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}

// ip runs a command of iproute2.
func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// network is what TestPartition cuts.
type network struct {
	t      *testing.T
	prefix string
}

// drop makes a host lose all that it sends to an address, until the returned function is called.
func (n network) drop(host, to string) (heal func()) {
	ip(n.t, "-n "+n.prefix+host+" route add blackhole "+to+"/32")
	return func() { ip(n.t, "-n "+n.prefix+host+" route del blackhole "+to+"/32") }
}

// cuts are the ways in which the network breaks. gateway is 0 or 1.
var cuts = []struct {
	name string
	cut  func(n network, gateway int) (heal []func())
}{
	{"database and a gateway", func(n network, g int) []func() {
		return []func(){n.drop(fmt.Sprint("gw", g), dbAddr), n.drop("db", gatewayAddrs[g])}
	}},
	{"from a gateway to the database", func(n network, g int) []func() { return []func(){n.drop(fmt.Sprint("gw", g), dbAddr)} }},
	{"from the database to a gateway", func(n network, g int) []func() { return []func(){n.drop("db", gatewayAddrs[g])} }},
	{"a gateway and the load balancer", func(n network, g int) []func() { return []func(){n.drop(fmt.Sprint("gw", g), balancerAddr)} }},
	{"a gateway and the upstream", func(n network, g int) []func() { return []func(){n.drop(fmt.Sprint("gw", g), upstreamAddr)} }},
	{"a gateway and all", func(n network, g int) []func() {
		ip(n.t, fmt.Sprintf("-n %ssw link set gw%d down", n.prefix, g))
		return []func(){func() { ip(n.t, fmt.Sprintf("-n %ssw link set gw%d up", n.prefix, g)) }}
	}},
	{"database and both gateways", func(n network, _ int) []func() {
		ip(n.t, "-n "+n.prefix+"sw link set db down")
		return []func(){func() { ip(n.t, "-n "+n.prefix+"sw link set db up") }}
	}},
}

// cutFor is longer than the lease of 2 s and the time after which a silent connection is given up.
const cutFor = 6 * time.Second

// partition runs in the namespace of the load balancer and the upstream.
func partition(t *testing.T, prefix string) {
	n := network{t, prefix}
	within := func(host string) []string { return []string{"ip", "netns", "exec", prefix + host} }
	pgtest.NewServerWithin(t, within("db"), "", "listen_addresses = '"+dbAddr+"'", "fsync = off",
		"tcp_keepalives_idle = 2", "tcp_keepalives_interval = 1", "tcp_keepalives_count = 3", "tcp_user_timeout = 4000")
	plain, ordered := newReceiverAt(t, upstreamAddr), newReceiverAt(t, upstreamAddr)
	held := behaviour(func(_ http.ResponseWriter, r *http.Request) bool { // so that each cut finds claims
		select {
		case <-time.After(100 * time.Millisecond):
			return true
		case <-r.Context().Done():
			return false
		}
	})
	plain.behave.Store(&held)
	ordered.behave.Store(&held)
	site := fmt.Sprintf("ADDR {\n\twebhook_gateway /hook generic {\n\t\tsecret %s\n\t\tretry {\n\t\t\tage off\n\t\t\tbackoff 50ms 2 1s\n\t\t\ttimeout %s\n\t\t}\n"+
		"\t\tcircuit {\n\t\t\topen 100ms 500ms\n\t\t}\n\t\tforward %s\n\t\tforward {\n\t\t\tas lines\n\t\t\torder by json data.line\n\t\t\treverse_proxy %s {\n\t\t\t\ttransport http {\n\t\t\t\t\tdial_timeout 1s\n\t\t\t\t}\n\t\t\t}\n\t\t}\n\t}\n}\n",
		secret, attemptTime, plain.addr, ordered.addr)
	var urls []string
	for i, addr := range gatewayAddrs {
		g := newGateway(t, "")
		g.within, g.addr, g.callback = within(fmt.Sprint("gw", i)), net.JoinHostPort(addr, "8080"), upstreamAddr
		g.store = fmt.Sprintf("store postgres \"host=%s user=postgres dbname=postgres sslmode=disable\" {\n\t\t\tnode %d\n\t\t\tlease 2s\n\t\t}", dbAddr, i)
		g.configure(site)
		g.start()
		urls = append(urls, g.url("/hook"))
	}
	p := &partitioned{urls: urls, statuses: make(map[string]int)}
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	for line := range soakLines {
		senders.Go(func() { p.send(ctx, line) })
	}
	more := func(what string) {
		before := p.count()
		until(t, "events are acknowledged "+what, func() bool { return p.count() > before+20 })
	}
	more("at first")
	only := regexp.MustCompile(*soakOnly)
	rounds := 0
	for end := time.Now().Add(*partitionTime); rounds == 0 || time.Now().Before(end); rounds++ {
		for _, c := range cuts {
			if !only.MatchString(c.name) {
				continue
			}
			for g := range gatewayAddrs {
				before, began := p.count(), time.Now()
				heal := c.cut(n, g)
				time.Sleep(cutFor) // the fault itself
				during := p.count() - before
				for _, h := range heal {
					h()
				}
				more("after the cut")
				t.Logf("%s, gateway %d: %d acknowledged while it was cut, again %v after", c.name, g, during, (time.Since(began) - cutFor).Round(10*time.Millisecond))
			}
		}
	}
	stop()
	senders.Wait()
	plain.behave.Store(nil)
	ordered.behave.Store(nil)
	for name, r := range map[string]*receiver{"": plain, "lines": ordered} {
		until(t, "all events are at the forward "+name, func() bool { return r.missing(p.acked) == 0 })
	}
	repeated, disorder := 0, 0
	for _, r := range []*receiver{plain, ordered} {
		r.mu.Lock()
		for _, times := range r.taken {
			repeated += len(times) - 1
		}
		r.mu.Unlock()
	}
	last := make(map[string]string)
	for _, id := range ordered.order {
		line, _, _ := strings.Cut(strings.TrimPrefix(id, "evt_"), "_")
		if id < last[line] {
			disorder++
			t.Errorf("lines: %s came after %s", id, last[line])
		}
		last[line] = max(id, last[line])
	}
	t.Logf("%d rounds, %d acknowledged, each to 2 forwards; lost 0, out of order %d, repeated %d; answers %v", rounds, len(p.acked), disorder, repeated, p.statuses)
}

// partitioned are the senders, with a load balancer that tries the other gateway.
type partitioned struct {
	urls []string

	mu       sync.Mutex
	acked    []string
	statuses map[string]int
}

func (p *partitioned) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acked)
}

func (p *partitioned) send(ctx context.Context, line int) {
	dialer := &net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(balancerAddr)}}
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext}}
	defer client.CloseIdleConnections()
	at := line
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("evt_%d_%06d", line, n)
		body := fmt.Sprintf(`{"id":%q,"type":"order.paid","created_at":%q,"data":{"line":"line %d"}}`, id, time.Now().UTC().Format(time.RFC3339), line)
		for heard := ""; heard != "200"; {
			r, err := http.NewRequest(http.MethodPost, p.urls[at%len(p.urls)], bytes.NewReader([]byte(body)))
			if err != nil {
				panic(err)
			}
			r.Header.Set("X-Webhook-Signature", sign(body))
			if resp, err := client.Do(r); err != nil {
				heard = "none"
			} else {
				resp.Body.Close()
				heard = fmt.Sprint(resp.StatusCode)
			}
			if heard != "200" || rand.IntN(4) == 0 {
				at++
			}
			p.mu.Lock()
			p.statuses[heard]++
			p.mu.Unlock()
		}
		p.mu.Lock()
		p.acked = append(p.acked, id)
		p.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(20+rand.IntN(40)) * time.Millisecond): // a rate that one gateway can deliver
		}
	}
}
