package caddymodule

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/caddyserver/caddy/v2/modules/metrics"
	"github.com/hookwicket/hookwicket/queue"
	dto "github.com/prometheus/client_model/go"

	"github.com/prometheus/client_golang/prometheus"
)

// gather reads the metrics as /metrics would show them, by name and labels.
func gather(t *testing.T) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registerMetrics(registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			all[f.GetName()+labels(m)] = value(m)
		}
	}
	return all
}

func labels(m *dto.Metric) (s string) {
	for _, l := range m.Label {
		s += " " + l.GetName() + "=" + l.GetValue()
	}
	return s
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	}
	return float64(m.Histogram.GetSampleCount())
}

// counted returns an endpoint's requests by outcome, and refusals by reason too.
func counted(t *testing.T, endpoint string) map[string]float64 {
	t.Helper()
	got := make(map[string]float64)
	all := gather(t)
	for _, outcome := range []string{"accepted", "duplicate", "replayed", "unavailable", "failed", "aborted"} {
		got[outcome] = all["caddy_webhook_gateway_requests_total endpoint="+endpoint+" outcome="+outcome+" reason="]
	}
	return got
}

// metered is the name of the endpoint in this run of the test: the counters
// live as long as the process.
func metered() string { return fmt.Sprintf("metered%d", runs.Load()) }

var runs atomic.Int64

// TestMetrics goes through every outcome, and reads them where Prometheus would.
func TestMetrics(t *testing.T) {
	runs.Add(1)
	up := newUpstream(t)
	m := newMachine(t)
	stripe := by("stripe")
	site := "metrics /metrics\n" + stripe.directive("name "+metered()+"\n forward "+up.addr) +
		"webhook_gateway /sync stripe {\n name " + metered() + "-sync\n secret whsec_stripe\n max_body 1KB\n}\nreverse_proxy /sync " + up.addr
	g := start(t, setup{store: m.line(), site: site})
	now := time.Now()
	sync := func(id string) *http.Request {
		r := stripe.request(g, id, now)
		r.URL.Path = "/sync"
		return r
	}
	g.expect(200, stripe.request(g, "evt_secret_1", now))
	g.expect(200, stripe.request(g, "evt_secret_1", now))
	g.drained()
	g.expect(401, stripe.request(g, "evt_2", now.Add(-time.Hour)))
	bad := stripe.request(g, "evt_2", now)
	bad.Header.Del("Stripe-Signature")
	g.expect(401, bad)
	g.expect(413, post("/sync", strings.Repeat("x", 2000)))
	g.expect(200, sync("evt_3"))
	g.expect(200, sync("evt_3"))
	up.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600") // the second attempt is none of this test's
		w.WriteHeader(500)
	})
	g.expect(500, sync("evt_4"))
	g.expect(200, stripe.request(g, "evt_5", now))
	g.logs.await(t, "attempt failed", `"evt_5"`)

	want := map[string]float64{
		`requests_total{endpoint="metered",outcome="accepted",reason=""}`:                   2,
		`requests_total{endpoint="metered",outcome="duplicate",reason=""}`:                  1,
		`requests_total{endpoint="metered",outcome="unavailable",reason=""}`:                0,
		`requests_total{endpoint="metered",outcome="refused",reason="stale_timestamp"}`:     1,
		`requests_total{endpoint="metered",outcome="refused",reason="missing_signature"}`:   1,
		`requests_total{endpoint="metered",outcome="refused",reason="wrong_signature"}`:     0,
		`requests_total{endpoint="metered-sync",outcome="refused",reason="body_too_large"}`: 1,
		`requests_total{endpoint="metered-sync",outcome="accepted",reason=""}`:              1,
		`requests_total{endpoint="metered-sync",outcome="duplicate",reason=""}`:             1,
		`requests_total{endpoint="metered-sync",outcome="failed",reason=""}`:                1,
		`attempts_total{endpoint="metered",forward="",outcome="delivered"}`:                 1,
		`attempts_total{endpoint="metered",forward="",outcome="retry"}`:                     1,
		`attempts_total{endpoint="metered",forward="",outcome="dead_letter"}`:               0,
		`attempt_duration_seconds_count{endpoint="metered",forward=""}`:                     2,
		`delivery_duration_seconds_count{endpoint="metered",forward=""}`:                    1,

		`backlog_deliveries{endpoint="metered",forward=""}`: 1,
		`dead_letters{endpoint="metered",forward=""}`:       0,
		`store_available`:     1,
		`in_flight_bytes`:     0,
		`backlog_limit_bytes`: float64(queue.DefaultSettings().MaxBacklog),
	}
	check := func(when string) {
		t.Helper()
		got := scrape(t, g)
		for name, n := range want {
			if v, ok := got[name]; !ok || v != n {
				t.Errorf("%s: %s is %v, want %v", when, name, v, n)
			}
		}
		if hits := got[`dedupe_hits_total{by="cache"}`] + got[`dedupe_hits_total{by="twin"}`]; hits > 2 {
			t.Errorf("%s: %v hits for two duplicates", when, hits)
		}
		if n := got["accept_duration_seconds_count"]; n < 3 { // other tests count there too
			t.Errorf("%s: the time to accept was observed %v times", when, n)
		}
		if got["backlog_bytes"] <= 0 || got[`backlog_age_seconds{endpoint="metered",forward=""}`] < 0 {
			t.Errorf("%s: nothing seems to wait", when)
		}
	}
	check("at first")
	g.load(site + "\nrespond /new 200")
	check("after a reload")
	m.full.Store(true)
	g.expect(503, stripe.request(g, "evt_6", now))
	if got := scrape(t, g); got["store_available"] != 0 || got[`requests_total{endpoint="metered",outcome="unavailable",reason=""}`] != 1 {
		t.Errorf("with a full disk: available %v", got["store_available"])
	}
	m.full.Store(false)
	for name := range scrape(t, g) {
		for _, word := range []string{"evt_", "whsec", "127.0.0.1"} {
			if strings.Contains(name, word) {
				t.Errorf("the labels of %s have %q in them", name, word)
			}
		}
	}
}

// scrape reads /metrics and leaves out the common part of our names.
func scrape(t *testing.T, g *gateway) map[string]float64 {
	t.Helper()
	r := post("/metrics", "")
	r.Method, r.Body = http.MethodGet, nil
	a := g.expect(200, r)
	all := make(map[string]float64)
	for line := range strings.Lines(a.body) {
		name, v, ok := strings.Cut(strings.TrimSpace(line), " ")
		if name, ours := strings.CutPrefix(name, "caddy_webhook_gateway_"); ok && ours {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				t.Errorf("%s: %v", line, err)
			}
			all[strings.Replace(name, metered(), "metered", 1)] = n
		}
	}
	return all
}
