package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hookwicket/hookwicket/adminapi"
)

// counterValues are those of the metrics' own counters, so that there is one set
// of books.
type counterValues struct {
	byRequest map[string]*adminapi.Requests
	unrouted  map[string]int64
	byAttempt map[[2]string]map[string]int64 // endpoint and forward
}

// countersByEndpoint reads the counters once, for all endpoints.
func countersByEndpoint() *counterValues {
	c := &counterValues{make(map[string]*adminapi.Requests), make(map[string]int64), make(map[[2]string]map[string]int64)}
	m := collectors()
	eachCounter(m.requests, func(labels map[string]string, n int64) {
		r := c.byRequest[labels["endpoint"]]
		if r == nil {
			r = newRequests()
			c.byRequest[labels["endpoint"]] = r
		}
		outcome, reason := labels["outcome"], labels["reason"]
		r.Outcomes[outcome] += n
		switch {
		case n == 0 || reason == "":
		case outcome == "refused":
			r.Refused[reason] += n
		case outcome == "observed":
			r.Observed[reason] += n
		}
	})
	eachCounter(m.unrouted, func(labels map[string]string, n int64) { c.unrouted[labels["endpoint"]] += n })
	eachCounter(m.attempts, func(labels map[string]string, n int64) {
		key := [2]string{labels["endpoint"], labels["forward"]}
		if c.byAttempt[key] == nil {
			c.byAttempt[key] = make(map[string]int64)
		}
		c.byAttempt[key][labels["outcome"]] += n
	})
	return c
}

// newRequests has the outcomes that count nothing yet, which the metrics leave out.
func newRequests() *adminapi.Requests {
	none := map[string]int64{
		"accepted": 0, "duplicate": 0, "replayed": 0, "refused": 0, "limited": 0, "unavailable": 0, "failed": 0, "aborted": 0,
	}
	return &adminapi.Requests{Outcomes: none, Refused: map[string]int64{}, Observed: map[string]int64{}, RefusedLately: map[string]int64{}}
}

func (c *counterValues) requests(endpoint string) adminapi.Requests {
	if r := c.byRequest[endpoint]; r != nil {
		return *r
	}
	return *newRequests()
}

func (c *counterValues) attempts(endpoint, forward string) map[string]int64 {
	if a := c.byAttempt[[2]string{endpoint, forward}]; a != nil {
		return a
	}
	return map[string]int64{}
}

// eachCounter calls f for every counter of a collector.
func eachCounter(all prometheus.Collector, f func(labels map[string]string, n int64)) {
	ch := make(chan prometheus.Metric, 64)
	go func() {
		defer close(ch)
		all.Collect(ch)
	}()
	for metric := range ch {
		var m dto.Metric
		if metric.Write(&m) != nil || m.Counter == nil {
			continue
		}
		labels := make(map[string]string, len(m.Label))
		for _, l := range m.Label {
			labels[l.GetName()] = l.GetValue()
		}
		f(labels, int64(m.Counter.GetValue()))
	}
}
