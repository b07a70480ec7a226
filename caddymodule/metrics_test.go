package caddymodule

import (
	"testing"

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
