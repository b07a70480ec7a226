package caddymodule

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// adminClient asks a running gateway, through Caddy's admin endpoint.
type adminClient struct {
	address string // as a person writes it
	base    string // of its URLs
	origin  string // empty: none is sent
	http    *http.Client
}

// refusedError is a refusal in the words of the gateway.
type refusedError struct {
	status  int
	message string
}

func (e *refusedError) Error() string { return e.message }

// clientFlags are the flags that say where the admin endpoint is.
func clientFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("address", "", "where Caddy's admin endpoint listens (default: as in the configuration, else "+caddy.DefaultAdminListen+")")
	f.StringP("config", "c", "", "the configuration that names it (default: a Caddyfile in this folder)")
	f.String("adapter", "", "the adapter of that configuration")
}

// asking makes a command of a function that talks to a running gateway until it
// is done or interrupted.
func asking(f func(context.Context, *adminClient, caddycmd.Flags) error) func(*cobra.Command, []string) error {
	return run(func(fl caddycmd.Flags) error {
		c, err := newAdminClient(fl)
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second signal ends the process
		err = f(ctx, c, fl)
		if errors.Is(err, context.Canceled) {
			return errors.New("interrupted")
		}
		return err
	})
}

func newAdminClient(fl caddycmd.Flags) (*adminClient, error) {
	address, err := adminAddress(fl.String("address"), fl.String("config"), fl.String("adapter"))
	if err != nil {
		return nil, err
	}
	parsed, err := caddy.ParseNetworkAddress(address)
	if err != nil || parsed.PortRangeSize() > 1 || parsed.IsFdNetwork() {
		return nil, fmt.Errorf("%q is not an address of an admin endpoint, such as localhost:2019 or unix//run/caddy-admin.sock", address)
	}
	c := &adminClient{address: address, base: "http://" + parsed.JoinHostPort(0)}
	c.origin = c.base
	network, dial := parsed.Network, parsed.JoinHostPort(0)
	if parsed.IsUnixNetwork() {
		dial, _, _ = strings.Cut(parsed.Host, "|") // what follows is the socket's mode
		c.base, c.origin = "http://127.0.0.1", ""  // a host for the sake of form
	}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, dial)
		},
	}}
	return c, nil
}

// adminAddress finds the admin endpoint where `caddy reload` finds it, without
// that one's log lines.
func adminAddress(address, file, adapter string) (string, error) {
	if address != "" {
		return address, nil
	}
	file, given := cmp.Or(file, "Caddyfile"), file != ""
	config, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		return caddy.DefaultAdminListen, nil
	case err != nil:
		return "", err
	}
	if adapter == "" && !strings.HasSuffix(file, ".json") {
		adapter = "caddyfile"
	}
	if adapter != "" {
		a := caddyconfig.GetAdapter(adapter)
		if a == nil {
			return "", fmt.Errorf("--adapter %s: there is no such adapter", adapter)
		}
		if config, _, err = a.Adapt(config, map[string]any{"filename": file}); err != nil {
			return "", fmt.Errorf("%s, read for the admin endpoint's address (or give --address): %w", file, err)
		}
	}
	address, err = caddycmd.DetermineAdminAPIAddress("", config, file, "")
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	var off struct {
		Admin struct {
			Disabled bool `json:"disabled"`
		} `json:"admin"`
	}
	if json.Unmarshal(config, &off) == nil && off.Admin.Disabled {
		return "", fmt.Errorf("%s says `admin off`: without the admin endpoint nobody can look into a running gateway; --address names another one", file)
	}
	return address, nil
}

// get asks for what stands at a path.
func (c *adminClient) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.call(ctx, http.MethodGet, path, query, nil, out)
}

// post asks for something to be done.
func (c *adminClient) post(ctx context.Context, path string, in, out any) error {
	return c.call(ctx, http.MethodPost, path, nil, in, out)
}

func (c *adminClient) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	resp, err := c.open(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("the gateway's answer cannot be read: %w", err)
	}
	return nil
}

// open sends a request and returns the answer, whose status is 2xx.
func (c *adminClient) open(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	target := c.base + apiPrefix + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", userAgent)
	if c.origin != "" { // which some configurations want to see
		r.Header.Set("Origin", c.origin)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if success(resp.StatusCode) {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.refusal(resp)
}

// unreachable says in what way there is nobody, and what to do about it.
func (c *adminClient) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	why := failure(err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "connection refused"
	case errors.Is(err, fs.ErrNotExist):
		why = "there is no such socket"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the admin endpoint %s may not be used by this user: permission denied", c.address)
	case !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF):
		return fmt.Errorf("no answer from the admin endpoint %s: %s; --address says where it is", c.address, why)
	}
	return fmt.Errorf("no Caddy answers at %s (%s); is it running? --address says where its admin endpoint is", c.address, why)
}

// refusal reads an answer that is not 2xx. One that is not JSON is not the
// gateway's.
func (c *adminClient) refusal(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var said apiError
	ours := json.Unmarshal(text, &said) == nil && said.Error != ""
	switch {
	case ours && resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the admin endpoint %s refuses: %s; `admin { origins … }` says whom it answers", c.address, said.Error)
	case ours:
		return &refusedError{resp.StatusCode, printable(said.Error)}
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("what answers at %s is no Caddy with the webhook gateway built in (or an older one); --address says where its admin endpoint is", c.address)
	}
	return fmt.Errorf("the admin endpoint %s answers %s: %s", c.address, resp.Status, printable(strings.TrimSpace(string(text[:min(len(text), 200)]))))
}
