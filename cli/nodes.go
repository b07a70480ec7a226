package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

// database describes the database of a store that several gateways share.
func database(c *adminapi.Cluster) string {
	words := []string{terminal.Cell(c.Server, 80), fmt.Sprintf("format %d", c.Format)}
	if c.Copies != nil {
		copies := terminal.Plural(*c.Copies, "copy", "copies") + " of an accepted event"
		if c.Durability > 0 {
			copies += fmt.Sprintf(" (durability %d)", c.Durability)
		}
		words = append(words, copies)
	}
	if n := len(c.Standbys); n > 0 {
		var names []string
		for _, s := range c.Standbys {
			names = append(names, terminal.Cell(s.Name, 40)+" "+terminal.Printable(s.Sync))
		}
		words = append(words, terminal.When(n == 1, "standby ")+terminal.When(n > 1, "standbys ")+strings.Join(names, ", "))
	} else if c.StandbysHidden {
		words = append(words, "standbys not visible to this role")
	}
	if c.Commit != nil {
		words = append(words, "commit "+terminal.Short(seconds(*c.Commit)))
	}
	return "database: " + strings.Join(append(words, "clock "+skewWords(c.ClockSkew)), "; ")
}

// skewWords says how far a clock is ahead of the database's.
func skewWords(s float64) string {
	sign := "+"
	if s < 0 {
		sign, s = "-", -s
	}
	return sign + terminal.Short(seconds(s))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// printNodes shows the gateways that share the store.
func (r *statusReport) printNodes(w io.Writer) error {
	t := terminal.NewTable("GATEWAY", "STATE", "VERSION", "FORWARDS", "SEEN", "CLOCK").Colours(2)
	for _, n := range r.Store.Cluster.Nodes {
		state := "ok"
		switch {
		case n.Silent:
			state = "silent"
		case n.This:
			state = "this one"
		}
		t.Row(terminal.Cell(n.Name, 28), state, terminal.Cell(n.Version, 20), humanize.Comma(int64(n.Forwards)), terminal.Ago(n.Seen, r.Now), skewWords(n.ClockSkew))
	}
	if err := t.Print(w); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// forwardTable is the table of forwards. Where several gateways share the store, it has a
// column for the one that delivers.
type forwardTable struct {
	table  *terminal.Table
	shared bool
}

func newForwards(shared bool) forwardTable {
	columns := []string{"FORWARD", "STATE", "WAITING", "OLDEST", "DEAD", "DELIVERED", "FAILED"}
	if shared {
		columns = append(columns, "OWNER")
	}
	return forwardTable{terminal.NewTable(columns...).Colours(2), shared}
}

func (t forwardTable) row(f *adminapi.Forward, now time.Time) {
	cells := []string{
		terminal.Cell(f.Destination, 28), stateOfForward(f, now), humanize.Comma(f.Waiting), terminal.Ago(f.Oldest, now),
		humanize.Comma(f.DeadLetters), humanize.Comma(f.Attempts["delivered"]), humanize.Comma(f.Attempts["retry"] + f.Attempts["dead_letter"]),
	}
	if t.shared {
		cells = append(cells, terminal.Cell(f.Owner, 20))
	}
	t.table.Row(cells...)
}
