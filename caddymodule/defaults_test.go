package caddymodule

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// TestDocumentedDefaults: docs/configuration.md states the defaults that the code has.
// Those of package queue that it does not export are tested there.
func TestDocumentedDefaults(t *testing.T) {
	docs, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	store := queue.DefaultSettings()
	for _, text := range []string{
		fmt.Sprintf("| `tolerance <past> [<future>]` or `off` | the provider's; future %s |", inWords(defaultFuture)),
		fmt.Sprintf("| `dedupe <window>` or `off` | the provider's, at least %s |", inWords(defaultWindow)),
		fmt.Sprintf("| `max_body <size>` | the provider's, else %s |", inUnits(defaultMaxBody)),
		fmt.Sprintf("| `retention <age>` or `off` | %s |", inWords(store.Retention)),
		fmt.Sprintf("\t\tmax_backlog %s\n", compact(inUnits(int(store.MaxBacklog)))),
		fmt.Sprintf("\t\tmax_in_flight %s\n", compact(inUnits(defaultMaxInFlight))),
		fmt.Sprintf("\t\tretention %s %s\n", compact(inWords(store.Retention)), compact(inUnits(int(store.MaxRetained)))),
		fmt.Sprintf("| `concurrency <n>` | %d |", queue.DefaultConcurrency),
		fmt.Sprintf("| `timeout <duration>` | %s |", inWords(queue.DefaultTimeout)),
		"All forwards together make " + commas(queue.DefaultShared) + " attempts at a time",
		fmt.Sprintf("| body | %s, or the provider's; `max_body` |", inUnits(defaultMaxBody)),
		fmt.Sprintf("| requests in memory: bodies, headers and copies | %s; `max_in_flight` |", inUnits(defaultMaxInFlight)),
		fmt.Sprintf("| backlog | %s; `max_backlog` |", inUnits(int(store.MaxBacklog))),
		fmt.Sprintf("| reading a body | %s, and at least", inWords(readLimit)),
		fmt.Sprintf("after the first %s |", inWords(readGrace)),
		fmt.Sprintf("the first of a client in a minute, of %d clients; then a count |", quietLines),
		fmt.Sprintf("| waiting for the disk before a 503 | %s |", inWords(acceptTimeout)),
		fmt.Sprintf("four fifths of its deadline, at most %s; %s requests |", inWords(longestPatience), commas(maxWaiting)),
		fmt.Sprintf("| header fields of a request | %d;", maxFields),
		fmt.Sprintf("| one attempt | %s; `retry { timeout … }` |", inWords(queue.DefaultTimeout)),
		fmt.Sprintf("| ended events | %s and %s; `retention` |", inWords(store.Retention), inUnits(int(store.MaxRetained))),
		fmt.Sprintf("| attempts in flight at an exit | %s, or Caddy's `grace_period`; then released |", inWords(gracePeriod)),
		fmt.Sprintf("%s; %d of one client, %d of clients without a genuine request.", commas(maxWaiting), maxWaitingOf, maxUnknown),
	} {
		if !strings.Contains(string(docs), text) {
			t.Errorf("docs/configuration.md does not contain %q", text)
		}
	}
}

// inWords writes a duration as the docs do: 30 s, 5 m, 24 h.
func inWords(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d m", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// inUnits writes a size as the docs do: 10 MiB.
func inUnits(n int) string {
	switch {
	case n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// compact is a value as the Caddyfile has it: 10MiB.
func compact(s string) string { return strings.ReplaceAll(s, " ", "") }

func commas(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
