package postgres

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
)

// peer is a node as its row in the tables says.
type peer struct {
	id      int32
	name    string
	version string
	begun   time.Time // by this node's monotonic clock, as is seen
	seen    time.Time
	alive   bool
	serves  []int32 // destinations
	skew    time.Duration
	follows bool
	keys    [][]byte // short names of its encryption keys
	digest  []byte   // of its configuration
	twin    bool     // another living node has the same name

	// The difference from this node's configuration, read when one of the digests changes.
	compared      []byte // both digests
	differs       []string
	optionsDiffer bool
}

// Announce implements [queue.Clustered]. The lease and the durability are added to the options:
// they have to be the same on all nodes.
func (s *Store) Announce(c queue.Configuration) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %v %d", c.Options, s.options.Lease, s.options.Durability))
	c.Options, c.Version = fmt.Sprintf("%x", sum[:8]), text(c.Version)
	endpoints := make(map[string]string)
	for name, digest := range c.Endpoints {
		endpoints[text(name)] = digest
	}
	c.Endpoints = endpoints
	b, _ := json.Marshal(c) // cannot fail: strings
	digest := sha256.Sum256(b)
	s.announced.Store(&announcement{Configuration: c, json: b, digest: digest[:8]})
	pokeIt(s.poke)
}

// announcement is what this node tells the others about its configuration.
type announcement struct {
	queue.Configuration
	json   []byte
	digest []byte
}

// publishConfiguration writes the announcement if this node's row does not have it yet.
func (s *Store) publishConfiguration(ctx context.Context, node int32) error {
	a := s.announced.Load()
	if a == nil || s.told == a && s.toldBy == node {
		return nil
	}
	_, err := s.pool.Exec(ctx, s.sql("update {s}.node set version = $2, digest = $3, configuration = $4 where id = $1"), node, a.Version, a.digest, a.json)
	if err == nil {
		s.told, s.toldBy = a, node
	}
	return err
}

// readPeers reads the rows of all nodes, and the clock of the database with them.
func (s *Store) readPeers(ctx context.Context) error {
	sent, wall := time.Now(), s.options.Now()
	rows, err := s.pool.Query(ctx, s.sql(`select id, name, version, serves, skew, follows, keys, digest, seen > now - $1 * interval '1 microsecond',
		(extract(epoch from now - begun) * 1e6)::bigint, (extract(epoch from now - seen) * 1e6)::bigint, now
		from {s}.node, (select clock_timestamp() as now offset 0) c order by id`), s.options.Lease.Microseconds())
	if err != nil {
		return err
	}
	var clock time.Time
	peers, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*peer, error) {
		p := new(peer)
		var begun, seen int64
		err := r.Scan(&p.id, &p.name, &p.version, &p.serves, &p.skew, &p.follows, &p.keys, &p.digest, &p.alive, &begun, &seen, &clock)
		p.name, p.version = printable(p.name), printable(p.version)
		p.begun, p.seen = sent.Add(-time.Duration(begun)*time.Microsecond), sent.Add(-time.Duration(seen)*time.Microsecond)
		return p, err
	})
	if err != nil {
		return err
	}
	if took := time.Since(sent); took < s.options.Lease {
		s.skew.Store(int64(wall.Add(took / 2).Sub(clock)))
	}
	for i, p := range peers {
		for _, q := range peers[:i] {
			// A node that was killed and started again has two rows for the lease.
			if p.name == q.name && p.alive && q.alive && q.seen.Sub(p.begun) > s.options.Lease && p.seen.Sub(q.begun) > s.options.Lease {
				p.twin, q.twin = true, true
			}
		}
	}
	s.mu.RLock()
	before, node := s.peers, s.node
	s.mu.RUnlock()
	s.compare(ctx, peers, before, node)
	s.mu.Lock()
	s.peers, s.alive = peers, slices.DeleteFunc(slices.Clone(peers), func(p *peer) bool { return !p.alive })
	s.mu.Unlock()
	return nil
}

// compare finds the differences between this node's configuration and those of the other
// living nodes. It reads a configuration when its digest is new. Versions describe the same
// configuration differently, so only nodes of one version are compared. A configuration that
// cannot be read is read again later: the lease does not depend on it.
func (s *Store) compare(ctx context.Context, peers, before []*peer, node int32) {
	own := s.announced.Load()
	if own == nil {
		return
	}
	for _, p := range peers {
		if p.id == node || !p.alive || len(p.digest) == 0 || p.version != printable(own.Version) || bytes.Equal(p.digest, own.digest) {
			continue
		}
		compared := append(bytes.Clone(p.digest), own.digest...)
		if i := slices.IndexFunc(before, func(q *peer) bool { return q.id == p.id && bytes.Equal(q.compared, compared) }); i >= 0 {
			p.compared, p.differs, p.optionsDiffer = compared, before[i].differs, before[i].optionsDiffer
			continue
		}
		var other queue.Configuration
		if err := s.pool.QueryRow(ctx, s.sql("select configuration from {s}.node where id = $1"), p.id).Scan(&other); err != nil {
			continue
		}
		p.compared = compared
		p.optionsDiffer = other.Options != own.Options
		all := maps.Clone(own.Endpoints)
		maps.Copy(all, other.Endpoints)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if own.Endpoints[name] != other.Endpoints[name] {
				p.differs = append(p.differs, printable(name))
			}
		}
	}
}

// warn logs the warnings that are new.
func (s *Store) warn() {
	about := make(map[string]bool)
	for _, w := range s.cluster().Warnings(func(string) bool { return true }) {
		if about[w.About] = true; !s.warned[w.About] {
			s.options.Logger.Warn(w.Text)
		}
	}
	s.warned = about
}

// printable makes a name of another node fit for logs.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name)
}

// nodes describes the living nodes, and the silent ones that did not come back under their name.
func (s *Store) nodes() (nodes []queue.Node) {
	owned, ring := make(map[int32]int), keyNames(s.seal.Ring())
	for _, d := range s.all() {
		if owner, _ := d.owner(); owner != 0 {
			owned[owner]++
		}
	}
	s.mu.RLock()
	peers, this := s.peers, s.node
	s.mu.RUnlock()
	for _, p := range peers {
		if !p.alive && slices.ContainsFunc(peers, func(q *peer) bool { return q.alive && q.name == p.name }) {
			continue
		}
		var keys queue.NodeKeys
		if p.id != this { // its own row can be older than its keys
			keys = compareKeys(p.keys, ring)
		}
		nodes = append(nodes, queue.Node{
			Name: p.name, Version: p.version, This: p.id == this, Seen: p.seen, Silent: !p.alive, Twin: p.twin, Skew: p.skew,
			Destinations: owned[p.id], Differs: p.differs, OptionsDiffer: p.optionsDiffer, Keys: keys,
		})
	}
	slices.SortStableFunc(nodes, func(a, b queue.Node) int { return cmp.Compare(a.Name, b.Name) })
	return nodes
}

// nameOf returns the name of a node; empty: it is not known, or there is none.
func (s *Store) nameOf(node int32) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, p := range s.peers {
		if p.id == node {
			return p.name
		}
	}
	return ""
}

// owner returns the node that owns a destination, as far as this node knows. 0: none.
// here: it is this node.
func (d *destination) owner() (node int32, here bool) {
	if d.tenure.Load() != nil {
		d.store.mu.RLock()
		defer d.store.mu.RUnlock()
		return d.store.node, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.others.owner, false
}

// cluster describes the nodes and the database, from memory.
func (s *Store) cluster() *queue.Cluster {
	c := &queue.Cluster{
		Format: s.options.format(), Lease: s.options.Lease, LeaseAge: -1, Skew: time.Duration(s.skew.Load()), Commit: time.Duration(s.commit.Load()),
		Copies: -1, Durability: int64(s.options.Durability), TakeOvers: s.takeOvers.Load(), LostMarks: s.lostMarks.Load(),
		DeadRows: -1, Snapshot: -1, Nodes: s.nodes(), Keyless: s.lacksKey(),
	}
	pool := s.pool.Stat()
	c.Used, c.Idle, c.MaxConnections = int64(pool.AcquiredConns()), int64(pool.IdleConns()), int64(pool.MaxConns())
	s.mu.RLock()
	beaten := s.beaten
	s.mu.RUnlock()
	if !beaten.IsZero() {
		c.LeaseAge, c.Copies = time.Since(beaten), s.copies.Load()
	}
	if v := s.surveyed.Load(); v != nil {
		c.Server, c.Standbys, c.Hidden, c.DeadRows, c.Snapshot = v.server, v.standbys, v.hidden, v.deadRows, v.snapshot
	}
	return c
}
