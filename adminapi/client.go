package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/hookwicket/hookwicket/internal/terminal"
)

// Client asks a running gateway, through Caddy's admin endpoint, or through its inspector
// with a token. Its methods may be called from several goroutines.
type Client struct {
	// Address is the admin endpoint or the inspector as a person writes it, for errors.
	Address string

	base   string // of its URLs, [Prefix] included
	origin string // empty: none is sent
	token  string // empty: it is the admin endpoint
	http   *http.Client
}

// A RefusedError is a refusal in the words of the gateway.
type RefusedError struct {
	Status  int // of HTTP
	Message string
}

func (e *RefusedError) Error() string { return e.Message }

// NewClient returns a client of the admin endpoint at a network and target as for
// [net.Dial], such as tcp and localhost:2019, or unix and a socket's path. Errors
// name the address.
func NewClient(address, network, target string) *Client {
	c := &Client{Address: address, base: "http://" + target}
	c.origin = c.base
	if strings.HasPrefix(network, "unix") {
		c.base, c.origin = "http://127.0.0.1", "" // a host for the sake of form
	}
	c.base += Prefix
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, target)
		},
	}}
	return c
}

// NewTokenClient returns a client of an inspector, by the URL of its page, that listens
// with a token.
func NewTokenClient(page *url.URL, token string) *Client {
	return &Client{Address: page.Redacted(), base: strings.TrimRight(page.String(), "/") + "/listen", token: token, http: &http.Client{
		// The token is for this URL alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Get reads the answer of a path behind [Prefix] into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	return c.Call(ctx, http.MethodGet, path, query, nil, out)
}

// Post sends in to a path behind [Prefix] and reads the answer into out.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.Call(ctx, http.MethodPost, path, nil, in, out)
}

// Call makes a request and reads the answer into out, unless that is nil. A
// status that is not 2xx is an error: [RefusedError] where the gateway gave it.
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	resp, err := c.Open(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	err = json.NewDecoder(resp.Body).Decode(out)
	switch {
	case err != nil && c.token != "":
		return c.noInspector(resp)
	case err != nil:
		return fmt.Errorf("the gateway's answer cannot be read: %w", err)
	}
	return nil
}

// Open sends a request and returns the answer, whose status is 2xx. The caller
// closes its body.
func (c *Client) Open(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	target := c.base + path
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
	r.Header.Set("User-Agent", terminal.UserAgent)
	if c.origin != "" { // which some configurations want to see
		r.Header.Set("Origin", c.origin)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.refusal(resp)
}

// unreachable returns an error with the cause and the next step.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	why := terminal.Failure(err)
	switch {
	case c.token != "":
		return fmt.Errorf("no answer from %s: %s", c.Address, why)
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "connection refused"
	case errors.Is(err, fs.ErrNotExist):
		why = "there is no such socket"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the admin endpoint %s may not be used by this user: permission denied", c.Address)
	case !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF):
		return fmt.Errorf("no answer from the admin endpoint %s: %s; --address says where it is", c.Address, why)
	}
	return fmt.Errorf("no Caddy answers at %s (%s); is it running? --address says where its admin endpoint is", c.Address, why)
}

// noInspector is the error for an answer that is not the inspector's.
func (c *Client) noInspector(resp *http.Response) error {
	return &RefusedError{resp.StatusCode, fmt.Sprintf("%s answers %s, and not as an inspector that has `listen`: the URL has to be that of its page, and no other login may stand before %s",
		c.Address, resp.Status, terminal.Printable(c.base))}
}

// refusal reads an answer that is not 2xx. One that is not JSON is not the
// gateway's.
func (c *Client) refusal(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var said Error
	ours := json.Unmarshal(text, &said) == nil && said.Error != ""
	switch {
	case c.token != "" && ours:
		return &RefusedError{resp.StatusCode, c.Address + ": " + terminal.Printable(said.Error)}
	case c.token != "":
		return c.noInspector(resp)
	case ours && resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the admin endpoint %s refuses: %s; `admin { origins … }` says whom it answers", c.Address, said.Error)
	case ours:
		return &RefusedError{resp.StatusCode, terminal.Printable(said.Error)}
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("what answers at %s is no Caddy with the webhook gateway built in (or an older one); --address says where its admin endpoint is", c.Address)
	}
	return fmt.Errorf("the admin endpoint %s answers %s: %s", c.Address, resp.Status, terminal.Printable(strings.TrimSpace(string(text[:min(len(text), 200)]))))
}
