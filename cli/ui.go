package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/inspector"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func uiCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ui [--listen 127.0.0.1:0]",
		Short: "Serves a page to see and mend a running gateway in a browser",
		Long: `
Serves the inspector on this machine until it is interrupted, and prints its
address. The page shows endpoints, events with their requests and attempts, and
what happens now. It can redeliver, cancel, bury, purge, pause, resume, send a
test event, and accept refused requests. It does all this through the admin
endpoint.

The page has no password. Only this machine can reach it, and its address
contains a random path, so only a person who sees this terminal can open it. To
serve the page to others, write webhook_gateway_inspector into a site.`,
		Example: `  caddy webhook ui
  ssh -N -L 2019:localhost:2019 gateway.example.com &
  caddy webhook ui --address localhost:2019`,
		Args: terminal.NoArgs,
		RunE: asking(ui),
	}
	clientFlags(cmd)
	cmd.Flags().String("listen", "127.0.0.1:0", "where to listen, on this machine alone; port 0 is a free one")
	return cmd
}

func ui(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	var status adminapi.Status
	err := c.Get(ctx, adminapi.PathStatus, nil, &status)
	if _, answered := errors.AsType[*adminapi.RefusedError](err); err != nil && !answered {
		return err // a gateway without endpoints can get some later
	}
	listener, err := listenHere(ctx, fl.String("listen"))
	if err != nil {
		return err
	}
	base, err := secretPath()
	if err != nil {
		return err
	}
	proxy := c.Proxy()
	page := &inspector.Page{Base: base, API: func(w http.ResponseWriter, r *http.Request, _ inspector.Call) { proxy.ServeHTTP(w, r) }}
	server := &http.Server{
		Handler:           namedHere(page),
		BaseContext:       func(net.Listener) context.Context { return ctx }, // an open tab's stream ends with the command
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(os.Stdout, "http://%s%s/\n", listener.Addr(), base)
	fmt.Fprintf(os.Stderr, "The inspector of the gateway at %s. Ctrl-C ends it.\n", c.Address)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if server.Shutdown(ending) != nil {
		return server.Close()
	}
	return nil
}

// listenHere listens on an address of this machine that no other machine reaches.
func listenHere(ctx context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: it is an address such as 127.0.0.1:7000 or localhost:0", address)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("--listen %s: the page has no password, so it is served at 127.0.0.1, localhost or [::1] alone; "+
			"to serve it to others, write webhook_gateway_inspector into a site", address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
}

// secretPath is a path of 128 random bits, which pages of other sites and other users of
// this machine do not know.
func secretPath() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return "/" + hex.EncodeToString(b[:]), nil
}

// namedHere refuses requests under another name than this machine's own. A page on the
// internet can point its own name at 127.0.0.1 and would be of the same origin then.
func namedHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		switch host {
		case "localhost", "127.0.0.1", "::1", "[::1]":
			next.ServeHTTP(w, r)
		default:
			inspector.SetHeaders(w.Header())
			http.Error(w, "this page is at 127.0.0.1 or localhost only", http.StatusForbidden)
		}
	})
}
