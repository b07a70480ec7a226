package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRefusedOnDisk: refused requests that are kept on the disk outlive the process, also
// one that is killed. They are sealed where the store is, and go when the line does.
func TestRefusedOnDisk(t *testing.T) {
	const sealed = "\n\t\tencrypt 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	u := newUpstream(t)
	site := func(secret string) string {
		return "ADDR {\n\twebhook_gateway /pay generic {\n\t\tname pay\n\t\tsecret " + secret + "\n\t\tforward " + u.addr() + "\n\t}\n}\n"
	}
	g := newGatewayWith(t, "", "refused 8MiB 72h disk"+sealed, site("another"))
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := g.command(append([]string{"webhook"}, args...)...)
		cmd.Stdout, cmd.Stderr = &out, &out
		_ = cmd.Run() // send is refused; the output says what happened
		return out.String()
	}
	listed := func(want string) {
		t.Helper()
		until(t, "listed: "+want, func() bool {
			return strings.Contains(run("refused", "--address", "unix/"+g.admin()), want)
		})
	}
	g.start()
	run("send", "--provider", "generic", "--secret", "s3cret", "--to", g.url("/pay"), "--id", "evt_1")
	file := filepath.Join(g.dir, "store", "refused", "REFUSED-0")
	until(t, "on the disk", func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > 0
	})
	g.kill()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("wrong_signature")) {
		t.Error("the file is not sealed")
	}
	g.configure(site("s3cret"))
	g.start()
	listed("verified")
	if out := run("refused", "accept", "--endpoint", "pay", "--yes", "--address", "unix/"+g.admin()); !strings.Contains(out, "accepted 1 event") {
		t.Errorf("accepting: %s", out)
	}
	u.await(t, "the event", func(taken map[string]int, _ int) bool { return len(taken) == 1 })
	g.stop()
	g.start()
	listed("accepted")
	g.stop()
	g.limits = "refused 8MiB" + sealed
	g.configure(site("s3cret"))
	g.start()
	listed("No refused request")
	g.stop()
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}
