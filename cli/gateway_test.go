package cli

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile" // the adapter
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
)

// clientTo is the client of somebody who has typed these flags.
func clientTo(t *testing.T, args ...string) (*adminapi.Client, error) {
	t.Helper()
	cmd := new(cobra.Command)
	clientFlags(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return newAdminClient(caddycmd.Flags{FlagSet: cmd.Flags()})
}

// TestAdminAddress: the admin endpoint is where the flags or the configuration
// say, and what cannot be is said.
func TestAdminAddress(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		caddyfile string
		args      []string
		want, err string
	}{
		{"", nil, caddy.DefaultAdminListen, ""},
		{"", []string{"--address", "localhost:4000"}, "localhost:4000", ""},
		{"", []string{"--address", "localhost:4000-4002"}, "", "is not an address of an admin endpoint"},
		{"", []string{"--config", "nowhere"}, "", "no such file"},
		{"", []string{"--config", "c.json"}, "127.0.0.1:4001", ""},
		{"", []string{"--config", "c.json", "--adapter", "xml"}, "", "there is no such adapter"},
		{"{\n\tadmin unix//run/a.sock|0220\n}\n", nil, "unix//run/a.sock|0220", ""},
		{"{\n\tadmin unix//run/a.sock\n}\n", []string{"--address", "localhost:1"}, "localhost:1", ""},
		{":80\n", nil, caddy.DefaultAdminListen, ""},
		{"{\n\tadmin off\n}\n", nil, "", "Caddyfile says `admin off`"},
		{"{\n\tadmn off\n}\n", nil, "", "Caddyfile, read for the admin endpoint's address (or give --address)"},
	} {
		os.Remove("Caddyfile")
		if c.caddyfile != "" {
			write("Caddyfile", c.caddyfile)
		}
		write("c.json", `{"admin":{"listen":"127.0.0.1:4001"}}`)
		client, err := clientTo(t, c.args...)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q %v: %v", c.caddyfile, c.args, err)
			}
		case err != nil:
			t.Errorf("%q %v: %v", c.caddyfile, c.args, err)
		case client.Address != c.want:
			t.Errorf("%q %v: %q, want %q", c.caddyfile, c.args, client.Address, c.want)
		}
	}
}

// TestAdminClientElsewhere: what answers is not the gateway, or nothing does.
func TestAdminClientElsewhere(t *testing.T) {
	for _, c := range []struct {
		answer http.HandlerFunc
		want   string
	}{
		{http.NotFound, "no Caddy with the webhook gateway built in"},
		{func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"client is not allowed to access from origin ''"}`, http.StatusForbidden)
		}, "refuses: client is not allowed to access from origin ''; `admin { origins … }`"},
		{func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "\x1b[2Jbroken", http.StatusBadGateway) }, `answers 502 Bad Gateway: \x1b[2Jbroken`},
		{func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }, "the gateway's answer cannot be read"},
		{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "no Caddy answers at"},
	} {
		s := httptest.NewServer(c.answer)
		client, err := clientTo(t, "--address", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		var status adminapi.Status
		if err := client.Get(t.Context(), "/status", nil, &status); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
		s.Close()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for address, want := range map[string]string{
		l.Addr().String(): "(connection refused); is it running?",
		"unix/" + filepath.Join(t.TempDir(), "admin.sock"): "(there is no such socket); is it running?",
	} {
		client, err := clientTo(t, "--address", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Get(t.Context(), "/status", nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestAdminClientSocket: a socket is reached through its path, without the mode
// that may stand behind it.
func TestAdminClientSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"forgotten":true,"note":"` + r.Method + " " + r.URL.Path + `"}`))
	}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()
	client, err := clientTo(t, "--address", "unix/"+path+"|0200")
	if err != nil {
		t.Fatal(err)
	}
	var got adminapi.Forgotten
	if err := client.Get(t.Context(), "/keys", nil, &got); err != nil || got.Note != "GET /webhook_gateway/keys" {
		t.Errorf("%v, %+v", err, got)
	}
}
