package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/adminapi"
)

// says runs a command of the gateway's and returns what it prints.
func (g *gateway) says(args ...string) string {
	g.t.Helper()
	cmd := g.command(append(args, "--address", "unix/"+g.admin())...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		g.t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return out.String()
}

// status is what the API says.
func (g *gateway) status() (s struct {
	adminapi.Status
	Endpoints []adminapi.Endpoint
}) {
	g.t.Helper()
	if err := json.Unmarshal([]byte(g.says("webhook", "status", "--json")), &s); err != nil {
		g.t.Fatal(err)
	}
	return s
}

// metrics reads /metrics and leaves out the common part of our names.
func (g *gateway) metrics() map[string]float64 {
	g.t.Helper()
	resp, err := http.Get(g.url("/metrics"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	all := make(map[string]float64)
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadString('\n')
		if name, ours := strings.CutPrefix(strings.TrimSpace(line), "caddy_webhook_gateway_"); ours {
			name, v, _ := strings.Cut(name, " ")
			if all[name], err = strconv.ParseFloat(v, 64); err != nil {
				g.t.Error(line, err)
			}
		}
		if err == io.EOF {
			return all
		}
	}
}

// TestClusterStatus: each gateway shows the database, all gateways, and who delivers what. The
// metrics of a destination come from the gateway that delivers.
func TestClusterStatus(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	u.behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	_, all := newCluster(t, 2, "")
	sites := strings.Replace(endpoint(u), "ADDR {", "ADDR {\n\tmetrics /metrics", 1)
	for _, g := range all {
		g.configure(sites)
		g.start()
	}
	for i := range 4 {
		mustPost(t, all[i%2].url("/hook"), genericBody(eventID(i)))
	}
	owner := deliverer(t, all)
	until(t, "both gateways see each other", func() bool {
		for _, g := range all {
			s := g.status()
			c := s.Store.Cluster
			if c == nil || len(c.Nodes) != 2 || len(c.Warnings) > 0 || c.Nodes[0].Forwards+c.Nodes[1].Forwards == 0 || s.Totals.Waiting != 4 {
				return false
			}
		}
		return true
	})
	other := 1 - owner
	for i, g := range all {
		s := g.status()
		c, f := s.Store.Cluster, s.Endpoints[0].Forwards[0]
		if !c.Nodes[i].This || c.Nodes[1-i].This || c.Lease != 2 || c.LeaseAge == nil || c.Snapshot == nil || c.DeadRows == nil || c.Format != 1 {
			t.Errorf("gateway %d: %+v", i, c)
		}
		if f.Elsewhere != (i == other) || (f.Circuit == nil) != f.Elsewhere {
			t.Errorf("gateway %d: %+v", i, f)
		}
	}
	for g, want := range map[*gateway][]string{
		all[owner]: {`(?m)^database: .* PostgreSQL \d.*; format 1; 0 copies of an accepted event; commit .*; clock [+-]`, `(?m)^\d +this one +`, `(?m)^\d +ok +`, `(?m)^generic +\S+.* +4 +.* +` + strconv.Itoa(owner) + `$`},
		all[other]: {`(?m)^generic +elsewhere +4 +.* +` + strconv.Itoa(owner) + `$`},
	} {
		text := g.says("webhook", "status")
		for _, w := range want {
			if !regexp.MustCompile(w).MatchString(text) {
				t.Errorf("%s is not in\n%s", w, text)
			}
		}
		for line := range strings.Lines(text) {
			if len(strings.TrimSpace(line)) > 80 && !strings.HasPrefix(line, "postgres:") && !strings.HasPrefix(line, "database:") {
				t.Errorf("wider than 80 columns: %s", line)
			}
		}
	}
	const backlog = `backlog_deliveries{endpoint="generic",forward=""}`
	mine, others := all[owner].metrics(), all[other].metrics()
	if n, ok := others[backlog]; ok {
		t.Errorf("who does not deliver says that %v wait", n)
	}
	if mine[backlog] != 4 || mine["backlog_bytes"] <= 0 || others["backlog_bytes"] != 0 || mine["node_destinations"]+others["node_destinations"] != 1 {
		t.Errorf("%v deliveries, %v and %v bytes, %v and %v destinations", mine[backlog], mine["backlog_bytes"], others["backlog_bytes"], mine["node_destinations"], others["node_destinations"])
	}
	for name, want := range map[string]float64{
		"store_copies": 0, "store_standbys": 0, "store_connections_limit": 12, `nodes{state="alive"}`: 2, `nodes{state="silent"}`: 0, "node_warnings": 0,
		"node_lease_seconds": 2, "node_takeovers_total": 0, "node_marks_lost_total": 0, "store_available": 1,
	} {
		if v, ok := mine[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if n := mine["store_batch_events_sum"] + others["store_batch_events_sum"]; n != 4 {
		t.Errorf("%v events in batches", n)
	}
	for _, name := range []string{"store_commit_duration_seconds_count", `store_connections{state="used"}`, `store_connections{state="idle"}`, "store_dead_rows", "store_snapshot_age_seconds", "node_lease_age_seconds", "node_clock_skew_seconds", "dedupe_keys"} {
		if v, ok := mine[name]; !ok || v < -2 {
			t.Errorf("%s is %v, %v", name, v, ok)
		}
	}

	all[other].configure(strings.Replace(sites, "secret", "retention 48h\n\t\tsecret", 1))
	if err := all[other].reload(); err != nil {
		t.Fatal(err)
	}
	want := "Warning: " + strconv.Itoa(other) + " runs another configuration of generic: give all gateways the same"
	until(t, "the difference is said", func() bool { return strings.Contains(all[owner].says("webhook", "status"), want) })
	if n := all[owner].metrics()["node_warnings"]; n != 1 {
		t.Errorf("%v warnings", n)
	}
	all[owner].kill()
	until(t, "the other one takes over", func() bool {
		s := all[other].status()
		return s.Endpoints[0].Forwards[0].Owner == strconv.Itoa(other) && s.Store.Cluster.Nodes[owner].Silent
	})
	after := all[other].metrics()
	if after["node_takeovers_total"] != 1 || after[backlog] != 4 || after[`nodes{state="silent"}`] != 1 {
		t.Errorf("%v take-overs, %v wait", after["node_takeovers_total"], after[backlog])
	}
}

// TestClusterTail: tail --all shows the requests and attempts of all gateways, without secrets.
func TestClusterTail(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	_, all := newCluster(t, 2, endpoint(u))
	for _, g := range all {
		g.start()
	}
	cmd := all[0].command("webhook", "tail", "--all", "--json", "--address", "unix/"+all[0].admin())
	var lines buffer
	cmd.Stdout = &lines
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	shown := func(want ...string) bool {
		for line := range strings.Lines(lines.String()) {
			found := true
			for _, w := range want {
				found = found && strings.Contains(line, w)
			}
			if found {
				return true
			}
		}
		return false
	}
	n := 0
	until(t, "the requests to both gateways and the attempts are shown", func() bool {
		for _, g := range all { // what comes before the others have heard of the reader is not shown
			n++
			mustPost(t, g.url("/hook"), genericBody(eventID(n)))
		}
		delivered := shown(`"node":"0"`, `"outcome":"delivered"`) || shown(`"node":"1"`, `"outcome":"delivered"`)
		return shown(`"node":"0"`, `"outcome":"accepted"`) && shown(`"node":"1"`, `"outcome":"accepted"`) && delivered
	})
	r, err := http.NewRequest("POST", all[1].url("/hook?token="+secret), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Webhook-Signature", "00")
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatal(err, resp)
	}
	resp.Body.Close()
	until(t, "a refused request", func() bool { return shown(`"node":"1"`, `"outcome":"refused"`, `"uri":"/hook?`) })
	if strings.Contains(lines.String(), secret) {
		t.Error("the secret is shown")
	}
	single := newGateway(t, endpoint(u))
	single.start()
	var errs bytes.Buffer
	wrong := single.command("webhook", "tail", "--all", "--address", "unix/"+single.admin())
	wrong.Stderr = &errs
	if err := wrong.Run(); err == nil || !strings.Contains(errs.String(), "of one gateway alone") {
		t.Errorf("%v: %s", err, errs.String())
	}
}
