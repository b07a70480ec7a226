package caddymodule

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// configuration returns digests of the settings that the nodes of a cluster have to share,
// without secrets. What a machine may have for itself, such as max_in_flight, is not in them; keys
// of encrypt are compared by the store.
func (a *App) configuration() queue.Configuration {
	c := queue.Configuration{
		Version: version(), Endpoints: make(map[string]string),
		Options: digest(a.MaxBacklog, a.Retention, a.Redact, a.PrivateKeys),
	}
	for name, h := range a.endpoints {
		c.Endpoints[name] = h.digest()
	}
	return c
}

// digest returns a digest of an endpoint's lines. Of a secret it covers the length. Of
// handlers it covers the names and the upstreams, since their other options can be secret.
func (h *Handler) digest() string {
	parts := []any{h.settings(), h.Mode, h.retention().String(), h.Keep, h.Redact}
	if p := h.provider; p != nil {
		scheme := make(map[string]json.RawMessage) // its fields, of which none is secret
		for name, raw := range p.Options {
			if _, ok := p.option(name); !ok {
				scheme[name] = raw
			}
		}
		parts = append(parts, scheme)
	}
	for _, f := range h.Forwards {
		policy := f.effective
		policy.SignWith = nil
		parts = append(parts, f.Name, f.settings(), f.Wait, policy)
	}
	return digest(parts...)
}

// digest returns a short digest of values that JSON can represent.
func digest(parts ...any) string {
	b, err := json.Marshal(parts)
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%x", sum[:8])
}

// modulePath is the Go module of the gateway.
const modulePath = "github.com/hookwicket/hookwicket"

// version returns the version of the gateway in this binary; empty: it has none.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath && m.Version != "(devel)" {
			return m.Version
		}
	}
	return ""
}

// describeCluster describes the nodes of a store; nil: it has only one.
func (o *opened) describeCluster(c *queue.Cluster) *adminapi.Cluster {
	if c == nil {
		return nil
	}
	d := &adminapi.Cluster{
		Server: c.Server, Format: c.Format, Durability: c.Durability, Lease: c.Lease.Seconds(), ClockSkew: c.Skew.Seconds(),
		Copies: ifCounted(c.Copies), DeadRows: ifCounted(c.DeadRows), Standbys: []adminapi.Standby{}, StandbysHidden: c.Hidden,
		Connections: c.Used + c.Idle, MaxConnections: c.MaxConnections, Nodes: []adminapi.Node{}, Warnings: []string{},
		LeaseAge: ifMeasured(c.LeaseAge), Snapshot: ifMeasured(c.Snapshot),
	}
	if c.Commit > 0 {
		d.Commit = ifMeasured(c.Commit)
	}
	for _, s := range c.Standbys {
		d.Standbys = append(d.Standbys, adminapi.Standby{Name: s.Name, Sync: s.Sync})
	}
	for _, n := range c.Nodes {
		d.Nodes = append(d.Nodes, adminapi.Node{
			Name: n.Name, Version: n.Version, This: n.This, Silent: n.Silent, Seen: n.Seen.UTC(), Forwards: n.Destinations, ClockSkew: n.Skew.Seconds(),
		})
	}
	for _, w := range c.Warnings(o.shows) {
		d.Warnings = append(d.Warnings, w.Text)
	}
	return d
}

// node returns the name of this gateway, where several share the store.
func (o *opened) node() string {
	if c := o.shared.store.Stats().Cluster; c != nil {
		for _, n := range c.Nodes {
			if n.This {
				return n.Name
			}
		}
	}
	return ""
}

// ifMeasured is a duration in seconds, or nil where it is not known.
func ifMeasured(d time.Duration) *float64 {
	if d < 0 {
		return nil
	}
	s := d.Seconds()
	return &s
}
