package queue

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestClusterWarnings: what a person has to mend is said, and nothing else.
func TestClusterWarnings(t *testing.T) {
	many := make([]string, 12)
	for i := range many {
		many[i] = fmt.Sprintf("e%d", i)
	}
	quorum := []Standby{{"a", "quorum"}, {"b", "async"}}
	for name, c := range map[string]struct {
		cluster Cluster
		want    string // the warnings' beginnings, by line; empty: none
	}{
		"one disk":         {Cluster{Copies: 1}, ""},
		"unknown":          {Cluster{Copies: -1, Snapshot: -1}, ""},
		"a standby":        {Cluster{Copies: 2, Standbys: quorum}, ""},
		"no standby":       {Cluster{Copies: 2, Standbys: quorum[1:]}, "the database waits for 1 standbys at each commit, and 0 of them are connected"},
		"hidden standbys":  {Cluster{Copies: 2, Hidden: true}, ""},
		"a long snapshot":  {Cluster{Snapshot: 6 * time.Minute}, "a transaction has been open in the database for 6m0s"},
		"a short one":      {Cluster{Snapshot: 4 * time.Minute}, ""},
		"a fast clock":     {Cluster{Nodes: []Node{{Name: "gw", Skew: 5 * time.Second}}}, "the clock of gw is 5s ahead of the database's"},
		"a slow clock":     {Cluster{Nodes: []Node{{Name: "gw", Skew: -5 * time.Second}}}, "the clock of gw is 5s behind the database's"},
		"a silent one's":   {Cluster{Nodes: []Node{{Name: "gw", Skew: 5 * time.Second, Silent: true, OptionsDiffer: true}}}, ""},
		"one name":         {Cluster{Nodes: []Node{{Name: "gw", Twin: true}, {Name: "gw", Twin: true}}}, "2 gateways are called gw"},
		"another endpoint": {Cluster{Nodes: []Node{{Name: "gw", Differs: []string{"hidden", "stripe"}}}}, "gw runs another configuration of stripe:"},
		"a hidden one":     {Cluster{Nodes: []Node{{Name: "gw", Differs: []string{"hidden"}}}}, ""},
		"many endpoints":   {Cluster{Nodes: []Node{{Name: "gw", Differs: many}}}, "gw runs another configuration of e0, e1, e2, e3, e4, e5, e6, e7, e8, e9 and 2 more:"},
		"options":          {Cluster{Nodes: []Node{{Name: "gw", OptionsDiffer: true}}}, "gw runs with another block webhook_gateway"},
	} {
		c.cluster.Lease = 4 * time.Second
		got := c.cluster.Warnings(func(e string) bool { return e != "hidden" })
		switch {
		case c.want == "" && len(got) > 0, c.want != "" && len(got) != 1:
			t.Errorf("%s: got %v", name, got)
		case c.want != "" && !strings.HasPrefix(got[0].Text, c.want):
			t.Errorf("%s: got %q, want %q", name, got[0].Text, c.want)
		}
	}
}
