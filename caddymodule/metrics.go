package caddymodule

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

const metricsNamespace, metricsSubsystem = "caddy", "webhook_gateway"

// metrics are the collectors of the process. They are registered with the registry of
// each configuration, so their values survive reloads.
type metrics struct {
	requests   *prometheus.CounterVec
	greeted    *prometheus.CounterVec
	denied     *prometheus.CounterVec
	accepting  prometheus.Histogram
	attempts   *prometheus.CounterVec
	attempt    *prometheus.HistogramVec
	delivery   *prometheus.HistogramVec
	unrouted   *prometheus.CounterVec
	uncaptured *prometheus.CounterVec
	commit     *prometheus.HistogramVec
	batch      *prometheus.HistogramVec
	stores     storesCollector
}

// The buckets of the histograms that each forward has, in seconds. There can be hundreds of
// forwards, so the buckets are few. An attempt ends after 30 seconds unless `retry` gives it longer,
// and a delivery can take days. Its buckets are minutes and hours where people think in these.
var (
	attemptBuckets  = []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30}
	deliveryBuckets = []float64{0.03, 0.1, 0.3, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600}
)

var collectors = sync.OnceValue(func() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: name, Help: help,
		}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: name, Help: help, Buckets: buckets,
		}, labels)
	}
	return &metrics{
		requests: counter("requests_total",
			"Requests by outcome (accepted, duplicate, replayed, refused, observed, limited, unavailable, failed, aborted) and, where refused or observed, by reason.",
			"endpoint", "outcome", "reason"),
		greeted: counter("handshakes_total",
			"Handshakes that were answered as the provider expects.", "endpoint", "handshake"),
		denied: counter("handshakes_denied_total",
			"Handshakes that were refused: a wrong token, or a secret while the endpoint does not enrol.", "endpoint", "handshake"),
		accepting: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "accept_duration_seconds",
			Help:    "Time from the request to the moment its event is durable, or was passed on. Of all endpoints.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
		attempts: counter("attempts_total",
			"Delivery attempts by outcome (delivered, retry, dead_letter, released).",
			"endpoint", "forward", "outcome"),
		attempt: histogram("attempt_duration_seconds",
			"Duration of single delivery attempts.", attemptBuckets, "endpoint", "forward"),
		delivery: histogram("delivery_duration_seconds",
			"Time from the receipt of an event to its delivery.", deliveryBuckets, "endpoint", "forward"),
		unrouted: counter("unrouted_total",
			"Events that matched no forward; they are kept for the retention.", "endpoint"),
		uncaptured: counter("refused_uncaptured_total",
			"Refused requests of which no copy was kept, because there were too many at once or entries of a higher rank fill the memory.", "endpoint"),
		commit: histogram("store_commit_duration_seconds",
			"Duration of commits of accepted events, where several gateways share the store.", prometheus.ExponentialBuckets(0.0005, 2, 15)),
		batch: histogram("store_batch_events",
			"Events in one commit, where several gateways share the store.", prometheus.ExponentialBuckets(1, 2, 7)),
	}
})

// all returns the collectors.
func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.greeted, m.denied, m.accepting, m.attempts, m.attempt, m.delivery, m.unrouted, m.uncaptured, m.commit, m.batch, m.stores}
}

// registerMetrics registers the collectors with a configuration's registry.
func registerMetrics(registry *prometheus.Registry) *metrics {
	m := collectors()
	if registry == nil {
		return m
	}
	for _, c := range m.all() {
		if err := registry.Register(c); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			panic(err) // two collectors of one name: a mistake in this file
		}
	}
	return m
}

// committed counts a batch of accepted events that a database has committed.
func (m *metrics) committed(events int, took time.Duration) {
	m.commit.WithLabelValues().Observe(took.Seconds())
	m.batch.WithLabelValues().Observe(float64(events))
}

// endpointMetrics are one endpoint's counters. Those that an alert rule compares with their
// past exist from the start, because Prometheus sees no increase in a counter that appears with
// 1. The others exist once they count something: most endpoints never have most of them.
type endpointMetrics struct {
	requests             *prometheus.CounterVec // by outcome and reason
	accepted             prometheus.Counter
	accepting            prometheus.Observer
	unrouted, uncaptured *prometheus.CounterVec
	greeted, denied      *prometheus.CounterVec // by handshake
}

func (m *metrics) endpoint(name string) endpointMetrics {
	of := prometheus.Labels{"endpoint": name}
	e := endpointMetrics{
		requests: m.requests.MustCurryWith(of), accepting: m.accepting,
		unrouted: m.unrouted.MustCurryWith(of), uncaptured: m.uncaptured.MustCurryWith(of),
		greeted: m.greeted.MustCurryWith(of), denied: m.denied.MustCurryWith(of),
	}
	e.accepted = e.requests.WithLabelValues("accepted", "")
	for _, outcome := range []string{"duplicate", "unavailable"} {
		e.requests.WithLabelValues(outcome, "")
	}
	e.requests.WithLabelValues("refused", string(verifiers.WrongSignature))
	return e
}

// count counts a request; reason is empty unless it is refused or observed.
func (e *endpointMetrics) count(outcome, reason string) {
	e.requests.WithLabelValues(outcome, reason).Inc()
}

// taken counts an event that is new, or a repetition of one.
func (e *endpointMetrics) taken(v queue.Verdict) {
	switch v {
	case queue.Duplicate:
		e.count("duplicate", "")
	case queue.Replayed:
		e.count("replayed", "")
	default:
		e.accepted.Inc()
	}
}

// forwardMetrics are one forward's counters. Its histograms exist from the first attempt on.
type forwardMetrics struct {
	outcomes               [queue.Released + 1]prometheus.Counter
	attempting, delivering func() prometheus.Observer
}

func (m *metrics) forward(endpoint, forward string) forwardMetrics {
	once := func(of *prometheus.HistogramVec) func() prometheus.Observer {
		return sync.OnceValue(func() prometheus.Observer { return of.WithLabelValues(endpoint, forward) })
	}
	f := forwardMetrics{attempting: once(m.attempt), delivering: once(m.delivery)}
	for _, o := range []queue.Outcome{queue.Delivered, queue.Retrying, queue.DeadLetter, queue.Released} {
		f.outcomes[o] = m.attempts.WithLabelValues(endpoint, forward, o.String())
	}
	return f
}

func (e *forwardMetrics) attempt(a queue.Attempted) {
	e.outcomes[a.Outcome].Inc()
	e.attempting().Observe(a.Attempt.Duration.Seconds())
	if a.Outcome == queue.Delivered {
		e.delivering().Observe(time.Since(a.Delivery.Message.ReceivedAt).Seconds())
	}
}

// openStores are the stores that this process has open: *shared to struct{}.
var openStores sync.Map

// storesCollector reads the open stores at each scrape.
type storesCollector struct{}

func storeDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(metricsNamespace, metricsSubsystem, name), help, labels, nil)
}

var (
	descDeliveries = storeDesc("backlog_deliveries", "Deliveries that wait, retries included.", "endpoint", "forward")
	descAge        = storeDesc("backlog_age_seconds", "Age of the oldest event that waits for delivery.", "endpoint", "forward")
	descDead       = storeDesc("dead_letters", "Deliveries given up and kept.", "endpoint", "forward")
	descCircuit    = storeDesc("circuit_open", "1 while events wait for an upstream that is left alone after failures, or probed. 0 where nothing waits.", "endpoint", "forward")
	descBytes      = storeDesc("backlog_bytes", "Bytes of waiting events and dead letters.")
	descLimit      = storeDesc("backlog_limit_bytes", "The limit on backlog_bytes.")
	descAvailable  = storeDesc("store_available", "1 while events can be kept; 0 while the disk is full or faulty.")
	descBuffered   = storeDesc("in_flight_bytes", "Bytes of requests in memory: bodies, headers and copies.")
	descWaiting    = storeDesc("waiting_senders", "Requests that wait for room because their senders never try again: in memory, or in the store.", "for")
	descTwins      = storeDesc("waiting_twins", "Requests that wait for the outcome of an identical one.")
	descKeys       = storeDesc("dedupe_keys", "Dedupe keys remembered, approximately. Where several gateways share the store, each shows all of them.")
	descHits       = storeDesc("dedupe_hits_total", "Duplicates recognised without asking the store: in the cache, or as the twin of a request under way.", "by")
)

func (storesCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descDeliveries, descAge, descDead, descCircuit, descBytes, descLimit, descAvailable, descBuffered, descWaiting, descTwins, descKeys, descHits,
	} {
		ch <- d
	}
	describeClusterMetrics(ch)
}

// Collect adds up the stores, of which there is nearly always one. Where several gateways share a
// store, the gauges of a destination come from the one that delivers, so that their sum is right.
func (storesCollector) Collect(ch chan<- prometheus.Metric) {
	var sum queue.Stats
	var buffered, forRoom, forDisk, twins int64
	var cached, joined uint64
	destinations := make(map[queue.Destination]queue.DestinationStats)
	circuits := make(map[queue.Destination]float64)
	sum.Available, sum.Keys = true, -1
	openStores.Range(func(k, _ any) bool {
		s := k.(*shared)
		stats := s.store.Stats()
		sum.Bytes += stats.Bytes
		sum.Limit += stats.Limit
		sum.Available = sum.Available && stats.Available
		if sum.Keys = max(sum.Keys, stats.Keys); stats.Cluster != nil {
			sum.Cluster = stats.Cluster
		}
		elsewhere := make(map[queue.Destination]bool)
		for name, d := range stats.Destinations {
			if elsewhere[name] = d.Elsewhere; d.Elsewhere {
				sum.Bytes -= d.Bytes
			} else {
				destinations[name] = d
			}
		}
		if run := s.latest.Load(); run != nil {
			for name, w := range run.delivering {
				if elsewhere[name] {
					continue
				}
				circuits[name] = 0
				if w.Health().Circuit != queue.CircuitClosed && stats.Destinations[name].Waiting > 0 {
					circuits[name] = 1
				}
			}
		}
		buffered += s.room.total.Load()
		forRoom += s.room.line.length.Load()
		forDisk += s.forDisk.length.Load()
		twins += s.window.Waiting()
		c, j := s.window.Counts()
		cached, joined = cached+c, joined+j
		return true
	})
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for to, d := range destinations {
		gauge(descDeliveries, float64(d.Waiting), to.Endpoint, to.Forward)
		gauge(descDead, float64(d.DeadLetters), to.Endpoint, to.Forward)
		age := 0.0
		if !d.Oldest.IsZero() {
			age = max(0, time.Since(d.Oldest).Seconds())
		}
		gauge(descAge, age, to.Endpoint, to.Forward)
	}
	for to, open := range circuits {
		gauge(descCircuit, open, to.Endpoint, to.Forward)
	}
	gauge(descBytes, float64(sum.Bytes))
	gauge(descLimit, float64(sum.Limit))
	available := 0.0
	if sum.Available {
		available = 1
	}
	gauge(descAvailable, available)
	if sum.Keys >= 0 {
		gauge(descKeys, float64(sum.Keys))
	}
	collectCluster(ch, sum.Cluster)
	gauge(descBuffered, float64(buffered))
	gauge(descWaiting, float64(forRoom), "memory")
	gauge(descWaiting, float64(forDisk), "store")
	gauge(descTwins, float64(twins))
	ch <- prometheus.MustNewConstMetric(descHits, prometheus.CounterValue, float64(cached), "cache")
	ch <- prometheus.MustNewConstMetric(descHits, prometheus.CounterValue, float64(joined), "twin")
}
