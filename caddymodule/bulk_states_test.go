package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/cli"
	"github.com/hookwicket/hookwicket/queue"
)

// operate runs a command that asks the gateway, as it is typed, and returns the
// JSON that it prints.
func operate(ctx context.Context, t *testing.T, args ...string) (done adminapi.Done, err error) {
	t.Helper()
	out, failed := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if failed != nil {
		t.Fatal(failed)
	}
	defer out.Close()
	parent := new(cobra.Command)
	parent.AddCommand(cli.Commands(SignAnew)...)
	parent.SetArgs(append(args, "--yes", "--json"))
	parent.SilenceErrors, parent.SilenceUsage = true, true
	stdout := os.Stdout
	os.Stdout = out
	err = parent.ExecuteContext(ctx)
	os.Stdout = stdout
	if err != nil {
		return done, err
	}
	text, failed := os.ReadFile(out.Name())
	if failed = errors.Join(failed, json.Unmarshal(text, &done)); failed != nil {
		t.Fatalf("%v: %v: %s", args, failed, text)
	}
	return done, nil
}

// crowded is a gateway with thousands of deliveries in all states, live workers
// whose upstream takes one thing and fails another, and a sender that goes on.
type crowded struct {
	*gateway
	socket string
	up     *upstream
	n      atomic.Int64 // accepted so far
}

func (c *crowded) accept(to ...string) queue.ID {
	var routes []queue.Route
	for _, d := range to {
		routes = append(routes, queue.Route{Destination: queue.ParseDestination(d)})
	}
	now := time.Now()
	m := &queue.Message{ID: queue.NewID(now), ReceivedAt: now, Endpoint: "pay", EventID: fmt.Sprint(c.n.Add(1)), Method: "POST", URI: "/pay", Header: http.Header{}}
	if _, err := c.open().store.Accept(context.Background(), m, queue.Identity{}, routes...); err != nil {
		c.t.Error(err)
	}
	return m.ID
}

// fill accepts n events at once.
func (c *crowded) fill(n int, to ...string) {
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range n / 20 {
				c.accept(to...)
			}
		})
	}
	all.Wait()
}

// TestEveryBulkEnds runs every bulk operation on every state, with thousands of
// deliveries, while workers move them and new events come: it ends by itself, meets
// no more deliveries than there were at its beginning, and accounts for each.
func TestEveryBulkEnds(t *testing.T) {
	const some = 80
	socket := "unix/" + filepath.Join(t.TempDir(), "admin.sock")
	c := &crowded{socket: socket, up: newUpstream(t)}
	c.up.answers(func(w http.ResponseWriter, _ *http.Request) {
		<-c.up.got
		w.WriteHeader([]int{200, 500, 500, 500, 500, 410}[rand.IntN(6)])
	})
	c.gateway = start(t, setup{admin: socket, site: "webhook_gateway /pay generic {\n\tname pay\n\tsecret s3cret\n\tretry {\n backoff 1ms 2 50ms\n age off\n}\n\tcircuit off\n\tforward " + c.up.addr + "\n}\n"})
	for _, o := range []struct{ verb, states string }{
		{"cancel", "waiting"},
		{"bury", "waiting"},
		{"redeliver", "waiting dead_letter delivered cancelled unrouted waiting,dead_letter all"},
		{"purge", "waiting dead_letter delivered cancelled unrouted waiting,dead_letter all"},
	} {
		for _, state := range strings.Fields(o.states) {
			c.fill(some, "pay", "pay/old") // the second has no worker
			c.fill(some / 4)
			ctx, stop := context.WithCancel(t.Context())
			var senders sync.WaitGroup
			senders.Go(func() {
				for n := 0; ctx.Err() == nil && n < some; n++ {
					c.accept("pay")
				}
			})
			sum, err := operate(ctx, t, o.verb, "--address", socket, "--endpoint", "pay", "--state", state)
			there := 2 * c.n.Load() // each has two deliveries at most
			stop()
			senders.Wait()
			if err != nil {
				t.Fatalf("%s %s: %v", o.verb, state, err)
			}
			if sum.Matched != sum.Changed+sum.Skipped || int64(sum.Matched) > there {
				t.Errorf("%s %s: %+v, and there were no more than %d", o.verb, state, sum, there)
			}
			for reason := range sum.SkippedBy {
				if !strings.Contains("busy state gone nowhere", reason) {
					t.Errorf("%s %s: %+v", o.verb, state, sum)
				}
			}
			t.Logf("%s %s: %d matched, %v skipped", o.verb, state, sum.Matched, sum.SkippedBy)
		}
	}
}

// TestRedeliverWaiting: what waits is redelivered once, not again and again, since
// redelivering moves the time at which it is due. Then the app gets each once.
func TestRedeliverWaiting(t *testing.T) {
	const all = 1500
	socket := "unix/" + filepath.Join(t.TempDir(), "admin.sock")
	c := &crowded{socket: socket, up: newUpstream(t)}
	var mu sync.Mutex
	taken := make(map[string]int)
	var takes atomic.Bool
	c.up.answers(func(w http.ResponseWriter, r *http.Request) {
		<-c.up.got
		if !takes.Load() {
			w.WriteHeader(500)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		taken[r.Header.Get("Webhook-Gateway-Event-Id")]++
	})
	c.gateway = start(t, setup{admin: socket, site: "webhook_gateway /pay generic {\n\tname pay\n\tsecret s3cret\n\tretry {\n backoff 1h 1\n}\n\tcircuit off\n\tforward " + c.up.addr + "\n}\n"})
	c.fill(all, "pay")
	redeliver := func() adminapi.Done {
		t.Helper()
		sum, err := operate(t.Context(), t, "redeliver", "--address", socket, "--endpoint", "pay", "--state", "waiting")
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if sum := redeliver(); sum.Matched != all || sum.Changed+sum.SkippedBy["busy"] != all {
		t.Errorf("of %d: %+v", all, sum)
	}
	takes.Store(true)
	until(t, "all to be delivered", func() bool {
		redeliver()
		return c.waiting() == 0
	})
	mu.Lock()
	defer mu.Unlock()
	if len(taken) != all {
		t.Errorf("%d of %d came", len(taken), all)
	}
	for id, n := range taken {
		if n > 1 {
			t.Fatalf("event %s came %d times", id, n)
		}
	}
}
