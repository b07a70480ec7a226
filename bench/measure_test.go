package bench

import (
	"os"
	"slices"
	"testing"
)

// figures are the results of one measurement, by unit.
type figures map[string]float64

// The units of what is measured over HTTP.
const (
	perSecond = "req/s"
	p50       = "p50-ms"
	p99       = "p99-ms"
	cpuEach   = "cpu-µs/req" // of the measured process alone
	memory    = "peak-MB"    // of the measured process
	starting  = "start-ms"
	written   = "disk-B/req" // bytes that the measured process wrote to the disk
)

// run is one measurement: a process of its own, a warm-up, and then the clock.
type run struct {
	site     string                  // of the Caddyfile; empty: straight to the upstream
	provider string                  // default: github
	silent   bool                    // the upstream never answers
	again    bool                    // one event over and over
	folder   string                  // of the gateway; default: a fresh one
	store    func(*testing.B) string // the store, as in the Caddyfile; default: in the folder
	extra    int                     // endpoints besides, whose upstream never answers
	load     load                    // default: 64 connections, as fast as they are answered
	body     int                     // bytes; default: bodySize
}

// measure offers events to a fresh gateway for the configured time.
func (r run) measure(b *testing.B) figures {
	b.Helper()
	s := r.begin(b)
	defer s.end()
	return s.measure(b)
}

// session is a run under way.
type session struct {
	run
	process   *process
	address   string
	batch     *batch
	temporary string // the folder to be removed
}

// baselines are the sites that have nothing of ours.
var baselines = []string{"", "respond", "reverse_proxy"}

// begin starts the process and signs the events.
func (r run) begin(b *testing.B) *session {
	b.Helper()
	s := &session{run: r}
	if s.provider == "" {
		s.provider = "github"
	}
	if s.load.connections == 0 {
		s.load.connections = connections
	}
	if s.body == 0 {
		s.body = bodySize
	}
	if s.folder == "" {
		s.temporary = newFolder(b)
		s.folder = s.temporary
	}
	startUpstream(b)
	s.batch = s.sign()
	expect(b, s.batch)
	if s.site == "" {
		s.process, s.address = upstream, upstream.addresses["counting"]
		return s
	}
	to := upstream.addresses["counting"]
	if s.silent {
		to = upstream.addresses["silent"]
	}
	var env []string
	if s.store != nil {
		env = append(env, storeVariable+"="+s.store(b))
	}
	s.process = startGateway(b, s.folder, to, upstream.addresses["silent"], s.extra, env...)
	s.address = s.process.addresses[s.site]
	if s.temporary == "" {
		s.process.settle() // of what it had to tidy up
	}
	return s
}

// sign makes as many events as a fast machine might take in the time, or one.
func (r run) sign() *batch {
	n := 1
	if !r.again {
		n = max(1, int(40_000*(duration(seconds)+warmUp()).Seconds())*bodySize/r.body)
	}
	t := newBatch(r.provider, n, r.body)
	t.again = r.again || slices.Contains(baselines, r.site)
	return t
}

func (s *session) measure(b *testing.B) figures {
	b.Helper()
	if _, err := s.load.offer(s.address, s.batch, warmUp()); err != nil {
		s.fail(b, err)
	}
	s.startProfile()
	used := s.process.used()
	a, err := s.load.offer(s.address, s.batch, duration(seconds))
	if err != nil {
		s.fail(b, err)
	}
	f := s.cost(a.count, used)
	f[perSecond], f[p50], f[p99] = a.perSecond(), a.quantile(0.5), a.quantile(0.99)
	return f
}

// cost is what the process took for a number of requests. The upstream serves
// the whole run, so that its memory says nothing.
func (s *session) cost(count int, before usage) figures {
	now := s.process.used()
	f := figures{
		cpuEach: float64((now.cpu - before.cpu).Microseconds()) / float64(count),
		written: (now.written - before.written) / float64(count),
	}
	if s.process != upstream {
		f[memory], f[starting] = s.process.peakMemory(), s.process.started.Seconds()*1000
	}
	return f
}

// startProfile makes the gateway write its CPU profile from now on. The last
// run that is not a baseline is the one whose profile stays.
func (s *session) startProfile() {
	if profile != "" && !slices.Contains(baselines, s.site) {
		s.process.startProfile(profile)
	}
}

func (s *session) fail(b *testing.B, err error) {
	b.Helper()
	b.Fatalf("%s: %v\nlog: %s", s.site, err, s.process.lastWords())
}

func (s *session) end() {
	if s.process != upstream {
		s.process.stop()
	}
	if s.temporary != "" {
		os.RemoveAll(s.temporary)
	}
}
