package caddymodule

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/verifiers"
)

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify --provider P --secret S [--now T] FILE",
		Short: "Tells whether the gateway would accept a captured request",
		Long: `
Reads one HTTP/1.1 request in wire form from a file, or from - for standard
input, and checks it as the gateway would at that moment, or at --now. It exits
with 0 if the request is verified and with 1 if it is not, and then says why:
the likeliest cause first, then each step of the check.

A capture does not show whether it came over TLS. Where the provider signs the
URL, say it with --url; else it is https, and http for a host on this machine.`,
		Args: oneFile,
		RunE: run(verify),

		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	verifierFlags(cmd)
	cmd.Flags().String("tolerance", "", "how old a signed time may be, or off (default: the provider's)")
	cmd.Flags().Bool("json", false, "print the result as JSON")
	return cmd
}

func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("one FILE is needed, or - for standard input; there are %d", len(args))
	}
	return nil
}

// verification is the result as scripts read it.
type verification struct {
	Verified  bool             `json:"verified"`
	EventID   string           `json:"event_id"`
	EventType string           `json:"event_type"`
	Timestamp string           `json:"timestamp"`
	Reason    verifiers.Reason `json:"reason"`
	Detail    string           `json:"detail"`
	Causes    []string         `json:"causes"`
	Steps     []verifiers.Step `json:"steps"`
}

func verify(fl caddycmd.Flags) error {
	c, err := newCommand(fl)
	if err != nil {
		return err
	}
	if err := c.provider.join(c.secrets...); err != nil {
		return err
	}
	h := &Handler{logger: zap.NewNop()}
	if err := h.adopt(c.provider); err != nil {
		return err
	}
	if h.Tolerance, err = toleranceFlag(fl.String("tolerance")); err != nil {
		return err
	}
	if err := h.settleTolerance(); err != nil {
		return err
	}
	raw, err := readFile(fl.Arg(0))
	if err != nil {
		return err
	}
	r, err := readWire(raw)
	if err != nil {
		return fmt.Errorf("%s is not an HTTP request: %w", fl.Arg(0), err)
	}
	received := r.URL
	r.URL = cmp.Or(c.url, r.URL)

	result, refused := h.verification(r, received, c.now)
	if refused != nil && bytes.Contains(raw, []byte(redacted)) {
		// The causes would be those of a request that nobody has sent.
		result.Causes = []string{"This is a copy in which values are hidden, as " + redacted + ", so it cannot be judged. " +
			"`caddy webhook refused show ID` judges a refused request as it came."}
	}
	if fl.Bool("json") {
		if err := terminal.PrintJSON(os.Stdout, result, ""); err != nil {
			return err
		}
	} else {
		h.printVerification(os.Stdout, result)
	}
	switch {
	case refused != nil && fl.Bool("json"):
		return fmt.Errorf("not verified: %s", cmp.Or(string(result.Reason), result.Detail))
	case refused != nil:
		return errors.New("not verified")
	}
	return nil
}

// verification judges a captured request and says why it is refused. The request
// arrived under the URL received.
func (h *Handler) verification(r *verifiers.Request, received string, now time.Time) (verification, error) {
	ctx := context.Background()
	event, err := h.judge(ctx, h.checker.verifier, r, now)
	about := h.caseOf(&h.checker, r, now)
	about.Err, about.Received = err, received
	why := about.Diagnose(ctx)
	v := verification{
		Verified: err == nil, EventID: event.ID, EventType: event.Type, Reason: verifiers.ReasonOf(err),
		Detail: why.Detail, Causes: why.Causes, Steps: why.Steps,
	}
	if !event.Timestamp.IsZero() {
		v.Timestamp = event.Timestamp.UTC().Format(time.RFC3339Nano)
	}
	return v, err
}

// printVerification writes the result for a person: the cause of a refusal first, then
// the event and the steps of the check.
func (h *Handler) printVerification(w io.Writer, v verification) {
	if v.Verified {
		fmt.Fprintf(w, "verified: signed by %s\n", h.row.Title)
	} else {
		fmt.Fprintf(w, "refused: %s\n", cmp.Or(string(v.Reason), "cannot be judged"))
	}
	for _, cause := range v.Causes {
		terminal.Paragraph(w, "", cause)
	}
	if v.Reason == verifiers.StaleTimestamp || v.Reason == verifiers.FutureTimestamp {
		terminal.Paragraph(w, "", "To judge the request as of its receipt, give that time with --now.")
	}
	for _, line := range []struct{ name, value string }{
		{"event ID", v.EventID}, {"event type", v.EventType}, {"time", v.Timestamp},
	} {
		if line.value != "" {
			fmt.Fprintf(w, "  %-11s %s\n", line.name, headerValue(line.value))
		}
	}
	if v.Verified {
		return
	}
	fmt.Fprintln(w, "How it was checked:")
	for _, step := range v.Steps {
		terminal.Paragraph(w, fmt.Sprintf("  %-10s", step.State), step.Name+": "+step.Text)
	}
}

func toleranceFlag(s string) (*Tolerance, error) {
	switch s {
	case "":
		return nil, nil
	case "off":
		return &Tolerance{Off: true}, nil
	}
	d, err := caddy.ParseDuration(s)
	if err != nil || d <= 0 {
		return nil, fmt.Errorf("--tolerance %q is not a positive duration such as 5m, and not off", s)
	}
	return &Tolerance{Past: caddy.Duration(d)}, nil
}

// readWire reads a request in wire form. A capture that states neither a length
// nor chunks has as its body all that follows the headers.
func readWire(raw []byte) (*verifiers.Request, error) {
	in := bufio.NewReader(bytes.NewReader(raw))
	r, err := http.ReadRequest(in)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends before its headers do")
		}
		return nil, err
	}
	source := r.Body
	if _, stated := r.Header["Content-Length"]; !stated && len(r.TransferEncoding) == 0 {
		source = io.NopCloser(in)
	}
	body, err := io.ReadAll(source)
	if errors.Is(err, io.ErrUnexpectedEOF) && len(r.TransferEncoding) == 0 {
		err = nil // shorter than its Content-Length, which is a cause worth naming
	} else if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("its last chunk is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("its body: %w", err)
	}
	uri := r.RequestURI
	if r.URL.Host == "" {
		uri = schemeOf(r.Host) + "://" + r.Host + uri
	}
	return &verifiers.Request{Method: r.Method, URL: uri, Header: r.Header, Body: body}, nil
}

// schemeOf is what a sender most likely called a host under: webhooks go over
// TLS, and what sign makes for a gateway on the same machine does not.
func schemeOf(host string) string {
	name := (&url.URL{Host: host}).Hostname()
	if ip := net.ParseIP(name); name == "localhost" || ip != nil && ip.IsLoopback() {
		return "http"
	}
	return "https"
}
