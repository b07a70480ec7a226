package caddymodule

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	cockroach "github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
)

// TestCheckFindsWhatIsMissing: a delivery whose message was torn out of the
// folder is reported, and the command fails.
func TestCheckFindsWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	store, err := pebble.Open(pebble.Options{Dir: dir, Settings: queue.DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	m := &queue.Message{ID: queue.NewID(now), ReceivedAt: now, Endpoint: "pay", Method: "POST", URI: "/", Header: http.Header{}}
	if _, err := store.Accept(t.Context(), m, queue.Identity{}, queue.To(queue.ParseDestination("pay"), queue.ParseDestination("pay/billing\x1b"))...); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	check := func() (string, error) {
		t.Helper()
		report, err := check.Run(check.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := printReport(&b, report, now); err != nil {
			t.Fatal(err)
		}
		cmd := checkCommand()
		if err := cmd.ParseFlags([]string{"--store", dir, "--json"}); err != nil {
			t.Fatal(err)
		}
		return b.String(), cmd.RunE(cmd, nil)
	}
	text, err := check()
	if err != nil || !strings.HasSuffix(text, "\nNothing is wrong.\n") || !strings.Contains(text, `pay/billing\x1b`) {
		t.Errorf("sound: %v\n%s", err, text)
	}

	db, err := cockroach.Open(dir, &cockroach.Options{FormatMajorVersion: cockroach.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Delete(slices.Concat([]byte("m"), m.ID[:]), cockroach.Sync); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text, err = check()
	if err == nil || !strings.HasPrefix(err.Error(), "something is wrong in ") || !strings.Contains(text, m.ID.String()) || strings.Contains(text, "Nothing is wrong") {
		t.Errorf("torn: %v\n%s", err, text)
	}
}

func TestPrintDisk(t *testing.T) {
	for median, want := range map[time.Duration]string{
		20 * time.Microsecond:  "protection against power loss",
		110 * time.Microsecond: "a sync takes 0.11 ms",
		80 * time.Millisecond:  "local SSD",
	} {
		var out strings.Builder
		if err := printDisk(&out, check.Disk{Dir: "/data", Syncs: 1000, Median: median, P99: 2 * median}); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v: %v, %s", median, err, out.String())
		}
	}
}
