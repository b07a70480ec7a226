package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

// A NewSigner returns a [Signer] for a provider and a secret, which may have placeholders.
type NewSigner func(provider, secret string) (Signer, error)

// A Signer signs a request anew as its provider does. It may change the headers and the
// URL, and returns the body.
type Signer = func(r *http.Request, body []byte, now time.Time) ([]byte, error)

// local sends events of a gateway to a URL of the developer's.
type local struct {
	target  string // may have {endpoint} and {path}; empty: nothing is sent
	signers map[string]Signer
	folder  string // where requests are saved; empty: nowhere
	retries int
	client  *http.Client
}

// localFlags are those of listen and replay.
func localFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArray("sign-with", nil, "sign anew with a secret of your own, as ENDPOINT=SECRET or PROVIDER=SECRET; the secret can be {env.NAME}")
	f.Int("retry", 0, "how often a failed event is sent once more, with growing pauses")
	f.String("save", "", "write each request into this folder, as HTTP/1.1 in a file of its own")
	f.BoolP("insecure", "k", false, "do not check the certificate of an https URL")
	f.Bool("json", false, "print an object a line")
	cmd.MarkFlagDirname("save")
	cmd.RegisterFlagCompletionFunc("sign-with", completeSigning)
}

const (
	localTimeout = 5 * time.Minute // long enough for a breakpoint
	shownAnswer  = 200             // bytes of an answer that is no success
	maxRetries   = 100
)

// newLocal reads the flags. The gateway says of which provider an endpoint is.
func newLocal(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, sign NewSigner) (*local, error) {
	l := &local{signers: make(map[string]Signer), folder: fl.String("save"), retries: fl.Int("retry")}
	if l.retries < 0 || l.retries > maxRetries {
		return nil, fmt.Errorf("--retry is a number from 0 to %d", maxRetries)
	}
	for _, text := range terminal.List(fl.FlagSet, "sign-with") {
		name, secret, ok := strings.Cut(text, "=")
		if !ok || name == "" || secret == "" {
			return nil, errors.New("--sign-with: write ENDPOINT=SECRET or PROVIDER=SECRET, such as stripe={env.DEV_SECRET}")
		}
		about, err := aboutListening(ctx, c)
		if err != nil {
			return nil, err
		}
		provider := name
		for _, e := range about.Endpoints {
			if e.Name == name && e.Provider != "" {
				provider = e.Provider
			}
		}
		signer, err := sign(provider, secret)
		if err != nil {
			return nil, fmt.Errorf("--sign-with %s: %w", terminal.Printable(name), err)
		}
		l.signers[name] = signer
	}
	if l.folder != "" {
		if err := os.MkdirAll(l.folder, 0o700); err != nil {
			return nil, fmt.Errorf("--save: %w", err)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // which would add a header
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: fl.Bool("insecure")}
	l.client = &http.Client{
		Transport:     transport,
		Timeout:       localTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return l, nil
}

// to sets the URL, and warns if it is of another machine.
func (l *local) to(target string) error {
	u, err := url.Parse(strings.NewReplacer("{endpoint}", "e", "{path}", "p").Replace(target))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" {
		return fmt.Errorf("%q is not a URL such as http://localhost:3000/hook", target)
	}
	if !isHere(u.Hostname()) {
		fmt.Fprintf(os.Stderr, "Note: %s is not this machine. It gets the events of a real gateway, with their personal data and signatures.\n", terminal.Printable(u.Host))
	}
	l.target = target
	return nil
}

// isHere reports whether a host is this machine.
func isHere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

// played is the outcome of an event.
type played struct {
	Message  adminapi.HeardMessage `json:"message"`
	URL      string                `json:"url,omitempty"`
	Status   int                   `json:"status,omitempty"`
	Answer   string                `json:"answer,omitempty"`
	Error    string                `json:"error,omitempty"`
	Duration float64               `json:"duration_seconds"`
	Tries    int                   `json:"tries,omitempty"`
	File     string                `json:"file,omitempty"`
}

func (p *played) taken() bool { return p.Error == "" && (p.URL == "" || p.Status/100 == 2) }

// play saves and sends an event. The error says that it was interrupted.
func (l *local) play(ctx context.Context, e *adminapi.Heard) (p *played, err error) {
	p = &played{Message: e.Message}
	if l.folder != "" {
		p.File = filepath.Join(l.folder, e.Message.ID.String()+".http")
		if err := os.WriteFile(p.File, wire(&e.Request), 0o600); err != nil {
			p.Error = "saving it: " + err.Error()
			return p, nil
		}
	}
	if l.target == "" {
		return p, nil
	}
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		p.Tries++
		l.send(ctx, e, p)
		if p.taken() || p.Tries > l.retries || ctx.Err() != nil {
			return p, ctx.Err()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}

// send sends an event once and notes the outcome.
func (l *local) send(ctx context.Context, e *adminapi.Heard, p *played) {
	p.Status, p.Answer, p.Error = 0, "", ""
	r, err := l.request(ctx, e, p.Tries)
	if err != nil {
		p.Error = err.Error()
		return
	}
	p.URL = r.URL.String()
	began := time.Now()
	resp, err := l.client.Do(r)
	p.Duration = time.Since(began).Seconds()
	if err != nil {
		p.Error = terminal.Failure(err)
		return
	}
	defer resp.Body.Close()
	p.Status = resp.StatusCode
	text, _ := io.ReadAll(io.LimitReader(resp.Body, shownAnswer))
	if !p.taken() {
		p.Answer = strings.ToValidUTF8(string(text), "\uFFFD")
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // to use the connection again
}

// ofConnection are the headers that belong to one connection.
var ofConnection = []string{
	"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// request makes the request that the URL gets: the one that was received, with the
// gateway's headers.
func (l *local) request(ctx context.Context, e *adminapi.Heard, try int) (*http.Request, error) {
	received, m := &e.Request, &e.Message
	path, query, _ := strings.Cut(received.URI, "?")
	to := strings.NewReplacer("{endpoint}", url.PathEscape(m.Endpoint), "{path}", strings.TrimPrefix(path, "/")).Replace(l.target)
	if query != "" {
		to += map[bool]string{true: "&", false: "?"}[strings.Contains(to, "?")] + query
	}
	r, err := http.NewRequestWithContext(ctx, received.Method, to, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range received.Header {
		if !slices.Contains(ofConnection, http.CanonicalHeaderKey(name)) {
			r.Header[name] = slices.Clone(values)
		}
	}
	for name, value := range map[string]string{
		"Endpoint": m.Endpoint, "Provider": m.Provider, "Event-Id": m.EventID, "Event-Type": m.EventType,
		"Message-Id": m.ID.String(), "Attempt": fmt.Sprint(try), "Received-At": m.ReceivedAt.Format(time.RFC3339Nano),
	} {
		if value != "" && !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			r.Header.Set("Webhook-Gateway-"+name, value)
		}
	}
	if r.Header["User-Agent"] == nil {
		r.Header["User-Agent"] = nil // none instead of Go's
	}
	body := received.Body
	sign := l.signers[m.Endpoint]
	if sign == nil {
		sign = l.signers[m.Provider]
	}
	if sign != nil {
		if body, err = sign(r, body, time.Now()); err != nil {
			return nil, err
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return r, nil
}

// wire is a received request as HTTP/1.1, as verify reads it.
func wire(r *adminapi.RawRequest) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URI, r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if slices.Contains(ofConnection, http.CanonicalHeaderKey(name)) {
			continue
		}
		for _, value := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(r.Body))
	b.Write(r.Body)
	return b.Bytes()
}

// print writes the outcome as one line. With several endpoints it has the endpoint.
func (p *played) print(w io.Writer, asJSON, several bool) error {
	if asJSON {
		return terminal.PrintJSON(w, p, "")
	}
	m := &p.Message
	line := terminal.Clock(m.ReceivedAt, time.Now()) + "  "
	if several {
		line += terminal.Printable(m.Endpoint) + "  "
	}
	if m.EventType != "" {
		line += terminal.Cell(m.EventType, 60) + "  "
	}
	if m.EventID != "" {
		line += terminal.Cell(m.EventID, 60) + "  "
	} else {
		line += m.ID.String() + "  "
	}
	took := terminal.Short(time.Duration(p.Duration * float64(time.Second)))
	switch {
	case p.Error != "":
		line += "→ " + terminal.Cell(p.Error, 200)
	case p.URL == "":
		line += "→ " + terminal.Printable(p.File)
	default:
		line += fmt.Sprintf("→ %d in %s", p.Status, took)
		if text := strings.TrimSpace(p.Answer); text != "" {
			line += "  " + terminal.Cell(text, 200)
		}
	}
	if p.Tries > 1 {
		line += fmt.Sprintf(" (try %d)", p.Tries)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
