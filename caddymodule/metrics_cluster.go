package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookwicket/hookwicket/queue"
)

// The metrics of a store that several gateways share. Those whose name begins with store are
// of the database, and each gateway shows what it sees; the others are of the gateway alone.
var (
	descCopies         = storeDesc("store_copies", "Disks that have an event when it is accepted: the database's own, and those of the standbys that it waits for.")
	descStandbys       = storeDesc("store_standbys", "Standbys connected to the database for which commits can wait.")
	descConnections    = storeDesc("store_connections", "Connections of this gateway to the database (idle, used).", "state")
	descMaxConnections = storeDesc("store_connections_limit", "The limit on store_connections.")
	descDeadRows       = storeDesc("store_dead_rows", "Rows that vacuum has not removed yet.")
	descSnapshot       = storeDesc("store_snapshot_age_seconds", "Age of the oldest open transaction in the database; vacuum removes nothing that it can see.")
	descNodes          = storeDesc("nodes", "Gateways that share the store (alive, silent), as this one sees them.", "state")
	descWarnings       = storeDesc("node_warnings", "Warnings about the gateways and the database, such as different configurations; `caddy webhook status` lists them.")
	descOwned          = storeDesc("node_destinations", "Destinations that this gateway delivers to.")
	descTakeOvers      = storeDesc("node_takeovers_total", "Destinations that this gateway took over from a silent one.")
	descLostMarks      = storeDesc("node_marks_lost_total", "Outcomes of attempts that did not count, because another gateway had taken over.")
	descLeaseAge       = storeDesc("node_lease_age_seconds", "Time since this gateway renewed its lease.")
	descLease          = storeDesc("node_lease_seconds", "The lease: after this time others take over.")
	descSkew           = storeDesc("node_clock_skew_seconds", "This gateway's clock minus the database's.")
)

func describeClusterMetrics(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descCopies, descStandbys, descConnections, descMaxConnections, descDeadRows, descSnapshot, descNodes, descWarnings,
		descOwned, descTakeOvers, descLostMarks, descLeaseAge, descLease, descSkew,
	} {
		ch <- d
	}
}

// collectCluster makes the metrics of a cluster; nil: there is none. What is unknown is left out.
func collectCluster(ch chan<- prometheus.Metric, c *queue.Cluster) {
	if c == nil {
		return
	}
	show := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) { show(d, prometheus.GaugeValue, v, labels...) }
	if c.Copies >= 0 {
		gauge(descCopies, float64(c.Copies))
	}
	if !c.Hidden {
		gauge(descStandbys, float64(c.Waits()))
	}
	gauge(descConnections, float64(c.Used), "used")
	gauge(descConnections, float64(c.Idle), "idle")
	gauge(descMaxConnections, float64(c.MaxConnections))
	if c.DeadRows >= 0 {
		gauge(descDeadRows, float64(c.DeadRows))
	}
	if c.Snapshot >= 0 {
		gauge(descSnapshot, c.Snapshot.Seconds())
	}
	alive, silent, owned := 0, 0, 0
	for _, n := range c.Nodes {
		if n.Silent {
			silent++
		} else {
			alive++
		}
		if n.This {
			owned = n.Destinations
		}
	}
	gauge(descNodes, float64(alive), "alive")
	gauge(descNodes, float64(silent), "silent")
	gauge(descWarnings, float64(len(c.Warnings(func(string) bool { return true }))))
	gauge(descOwned, float64(owned))
	show(descTakeOvers, prometheus.CounterValue, float64(c.TakeOvers))
	show(descLostMarks, prometheus.CounterValue, float64(c.LostMarks))
	if c.LeaseAge >= 0 {
		gauge(descLeaseAge, c.LeaseAge.Seconds())
	}
	gauge(descLease, c.Lease.Seconds())
	gauge(descSkew, c.Skew.Seconds())
}
