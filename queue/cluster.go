package queue

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Clustered is a [Store] that several nodes share. Its Stats have a [Cluster].
type Clustered interface {
	// Announce publishes what this node runs, for the other nodes to compare. It returns at
	// once; the store publishes it with its next sign of life.
	Announce(Configuration)

	// Followed reports whether another node follows, so that Tell has an effect.
	Followed() bool
	// Tell sends a text to the nodes that follow. It never waits. False: it was dropped, because
	// there are too many, or it is longer than 7,800 bytes. A text can be lost on its way, too.
	Tell(text []byte) bool
	// Follow calls f with what other nodes tell, one after another, until stop. They begin with
	// their next sign of life.
	Follow(f func(node string, text []byte)) (stop func(), err error)

	// AttemptFor sets how this node makes the first attempt of a delivery that another node has
	// accepted with [Route.Hold]. The claim is the one that Hold would return here. f ends it,
	// and calls answer with what [Accepted].Answer is to return there; nil: no answer. f must
	// not wait for the attempt.
	AttemptFor(f func(c Claim, answer func([]byte)))
}

// Configuration is what a node runs, as digests that contain no secret. Nodes of one version
// can be compared.
type Configuration struct {
	Version   string            `json:"version"`
	Options   string            `json:"options"`   // digest of the settings that all endpoints share
	Endpoints map[string]string `json:"endpoints"` // digest by name
}

// Cluster describes the nodes of a store and its database, as one node sees them. The database
// is asked every few seconds, not by Stats.
type Cluster struct {
	Server   string // address and version of the database server in use; empty: not connected yet
	Format   int    // of the tables
	Lease    time.Duration
	LeaseAge time.Duration // since this node last renewed its lease; -1: it never did
	Skew     time.Duration // this node's clock minus the database's
	Commit   time.Duration // of a batch of acceptances, lately; 0: there was none

	Copies     int64     // for which a commit stands, by the settings of the database; -1: unknown
	Durability int64     // copies that this node asks for; 0: any number
	Standbys   []Standby // connected to the database
	Hidden     bool      // this node's role may not see the standbys and other sessions

	Used, Idle, MaxConnections int64 // of this node to the database

	TakeOvers int64         // destinations that this node took from a silent one
	LostMarks int64         // outcomes of this node that did not count, because another node has changed the delivery
	DeadRows  int64         // that vacuum has not removed yet; -1: unknown
	Snapshot  time.Duration // age of the oldest transaction that keeps vacuum from removing rows; -1: unknown

	Keyless bool // events wait that this node cannot decrypt

	Nodes []Node // by name; silent ones for some minutes
}

// Standby is a server to which the database replicates.
type Standby struct {
	Name string
	Sync string // sync, quorum, potential or async
}

// Node is one node of a cluster.
type Node struct {
	Name         string
	Version      string
	This         bool
	Seen         time.Time // by this node's clock
	Silent       bool      // for the lease or longer: others may take its destinations
	Twin         bool      // another living node has the same name
	Skew         time.Duration
	Destinations int // that it owns

	// Differs lists endpoints whose configuration is another one than this node's.
	Differs       []string
	OptionsDiffer bool
	Keys          NodeKeys
}

// NodeKeys compares the encryption keys of a node with those of this one.
type NodeKeys int

// The comparisons.
const (
	KeysFit     NodeKeys = iota // each can decrypt what the other encrypts now, or neither encrypts
	KeysUnknown                 // it encrypts with a key that this node does not have
	KeysLacking                 // it does not have the key with which this node encrypts
	KeysApart                   // both
	KeysNone                    // it does not encrypt, and this node does
	KeysOnly                    // it encrypts, and this node does not
)

// longSnapshot is the age from which a transaction of others is a trouble.
const longSnapshot = 5 * time.Minute

// Warning is something that a person has to mend.
type Warning struct {
	About string // stays the same while the text's numbers change
	Text  string
}

// Warnings lists what a person has to mend. shows selects the endpoints that may be named.
func (c *Cluster) Warnings(shows func(endpoint string) bool) (list []Warning) {
	say := func(about, format string, a ...any) { list = append(list, Warning{about, fmt.Sprintf(format, a...)}) }
	if n := c.Copies - 1; n > 0 && !c.Hidden && c.Waits() < n {
		say("standbys", "the database waits for %d standbys at each commit, and %d of them are connected: no event is accepted until a standby is back, or synchronous_standby_names is changed", n, c.Waits())
	}
	if c.Snapshot > longSnapshot {
		say("snapshot", "a transaction has been open in the database for %v, which slows the queue down: see xact_start in pg_stat_activity", c.Snapshot.Round(time.Second))
	}
	if c.Keyless {
		say("keyless", "events wait that cannot be read: give `encrypt` the key that they were encrypted with, behind the others")
	}
	twins := make(map[string]int)
	for _, n := range c.Nodes {
		if n.Twin {
			twins[n.Name]++
		}
	}
	for _, n := range c.Nodes {
		if count := twins[n.Name]; count > 0 {
			say("name "+n.Name, "%d gateways are called %s: give each a name of its own with `node` in `store postgres`", count, n.Name)
			delete(twins, n.Name)
		}
		if n.Silent {
			continue
		}
		if n.Skew.Abs() > c.Lease {
			say("clock "+n.Name, "the clock of %s is %v %s the database's, more than the lease: set both by NTP, since retries and order depend on them", n.Name, n.Skew.Abs().Round(time.Millisecond), aheadOrBehind(n.Skew))
		}
		if text := n.Keys.warning(n.Name); text != "" {
			say(fmt.Sprintf("keys %s %d", n.Name, n.Keys), "%s", text)
		}
		differs := slices.DeleteFunc(slices.Clone(n.Differs), func(e string) bool { return !shows(e) })
		if len(differs) > 0 {
			say("endpoints "+n.Name, "%s runs another configuration of %s: give all gateways the same", n.Name, some(differs))
		}
		if n.OptionsDiffer {
			say("options "+n.Name, "%s runs with another block webhook_gateway in the global options: give all gateways the same", n.Name)
		}
	}
	return list
}

// warning says what differs; empty: nothing.
func (k NodeKeys) warning(name string) string {
	switch k {
	case KeysUnknown:
		return name + " encrypts with a key that this gateway does not have. Events wait where this one delivers: add that key to `encrypt` here"
	case KeysLacking:
		return name + " does not have the key with which this gateway encrypts. Events wait where " + name + " delivers: add that key to `encrypt` there"
	case KeysApart:
		return name + " and this gateway encrypt with keys that the other one does not have. Events wait: give both the same keys in `encrypt`"
	case KeysNone:
		return name + " does not encrypt events, and this gateway does. What " + name + " accepts is stored in the clear, and encrypted events wait where it delivers: give it the same `encrypt`"
	case KeysOnly:
		return name + " encrypts events, and this gateway does not. What this one accepts is stored in the clear, and encrypted events wait where it delivers: give it the same `encrypt`"
	}
	return ""
}

// Waits returns how many of the connected standbys a commit can wait for.
func (c *Cluster) Waits() (n int64) {
	for _, s := range c.Standbys {
		if s.Sync == "sync" || s.Sync == "quorum" {
			n++
		}
	}
	return n
}

func aheadOrBehind(d time.Duration) string {
	if d < 0 {
		return "behind"
	}
	return "ahead of"
}

// some lists names, as many as a person will read.
func some(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
