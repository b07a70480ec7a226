package caddymodule

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/verifiers"
)

func signCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sign --provider P --secret S [--curl | --json]",
		Short: "Prints a request signed as the provider would sign it",
		Long: `
Prints an HTTP/1.1 request in wire form, as verify reads it, with --curl the
command that sends it, or with --json its method, URL, headers and body. Without
--body it is a sample event with a fresh ID.`,
		Args: terminal.NoArgs,
		RunE: run(printSigned),
	}
	verifierFlags(cmd)
	signFlags(cmd)
	cmd.Flags().Bool("curl", false, "print a curl command")
	cmd.Flags().Bool("json", false, "print it as JSON; a body that is not UTF-8 is in base64, and encoding says so")
	cmd.MarkFlagsMutuallyExclusive("curl", "json")
	return cmd
}

func signFlags(cmd *cobra.Command) {
	cmd.Flags().StringP("body", "b", "", "the file with the body, or - for standard input (default: a sample event)")
	cmd.MarkFlagFilename("body")
	cmd.Flags().String("id", "", "the event's ID, where it is not in your own body (default: a fresh one)")
	cmd.Flags().String("type", "", "the event's type, instead of that of the sample event")
	cmd.Flags().StringArrayP("header", "H", nil, "a further header, as 'Name: value'; instead of one that signing sets")
	cmd.Flags().Bool("tamper", false, "change one character of the body after signing, so that the signature is wrong")
}

// signing makes signed requests.
type signing struct {
	*command
	body []byte // nil: the provider's sample
	id   string // empty: a fresh one each time

	eventType string      // empty: that of the sample
	header    http.Header // set before and after signing
	tampers   bool
}

func newSigning(fl caddycmd.Flags) (*signing, error) {
	c, err := newCommand(fl)
	if err != nil {
		return nil, err
	}
	switch n := len(c.secrets); {
	case n == 0:
		return nil, errors.New("--secret is missing: to sign like the provider takes a key of your own, the private one in PEM if there are two")
	case n > 1:
		return nil, errors.New("a request is signed with one --secret")
	}
	s := &signing{command: c, id: fl.String("id"), eventType: fl.String("type"), tampers: fl.Bool("tamper")}
	if s.header, err = headerFlags(terminal.List(fl.FlagSet, "header")); err != nil {
		return nil, err
	}
	if s.eventType != "" && fl.String("body") != "" {
		return nil, errors.New("--type is for the sample event; your own body has its type")
	}
	if name := fl.String("body"); name != "" {
		if s.body, err = readFile(name); err != nil {
			return nil, fmt.Errorf("--body: %w", err)
		}
		s.body = append([]byte{}, s.body...) // not nil, though it be empty
	}
	return s, nil
}

// request makes one request and signs it as of the given time.
func (s *signing) request(now time.Time) (*verifiers.Request, error) {
	row := s.provider.row
	signer, ok := row.Scheme.(verifiers.Signer)
	if !ok {
		return nil, fmt.Errorf("requests of %s cannot be signed here: only %s has the key", row.Name, row.Title)
	}
	id := cmp.Or(s.id, row.Sample.NewID())
	r := row.Sample.Request(s.url, now, id)
	r.Method = methodOf(row, cmp.Or(len(s.body), len(r.Body)))
	if s.body != nil {
		r.Body = s.body
	} else {
		s.provider.address(r)
	}
	maps.Copy(r.Header, s.header)
	sign := func(r *verifiers.Request) error {
		if err := signer.Sign(r, s.secrets[0], now, id); err != nil {
			return fmt.Errorf("provider %s: %w%s", row.Name, err, s.provider.secretHint(err))
		}
		return nil
	}
	if s.eventType != "" {
		if err := s.setType(r, sign); err != nil {
			return nil, err
		}
	}
	if err := sign(r); err != nil {
		return nil, err
	}
	maps.Copy(r.Header, s.header)
	if s.tampers {
		var err error
		if r.Body, err = tampered(r.Body); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// methodOf returns the method of a request with so much of a body. What some
// providers also send by GET has no body then.
func methodOf(row verifiers.Provider, body int) string {
	if len(row.Methods) > 0 && (body == 0 || !slices.Contains(row.Methods, http.MethodPost)) {
		return row.Methods[0]
	}
	return http.MethodPost
}

// address makes a sample's request out to whom the options name, where the
// sample has an option's example instead.
func (p *Provider) address(r *verifiers.Request) {
	for _, o := range p.row.Options {
		given, _, _ := strings.Cut(p.given[o.Name], " ")
		if given != "" && len(o.Example) >= minExample && !o.Secret && !strings.ContainsAny(given, "\"\\") {
			r.Body = bytes.ReplaceAll(r.Body, []byte(o.Example), []byte(given))
		}
	}
}

// minExample is the length from which on an example is not in a sample by
// chance.
const minExample = 6

func printSigned(fl caddycmd.Flags) error {
	s, err := newSigning(fl)
	if err != nil {
		return err
	}
	s.url = cmp.Or(s.url, "http://localhost:8080/"+s.provider.row.Name)
	r, err := s.request(s.now)
	if err != nil {
		return err
	}
	hr, err := httpRequest(r, r.URL)
	if err != nil {
		return err
	}
	if fl.Bool("curl") {
		file := fl.String("body")
		if file == "-" || !bytes.Equal(r.Body, s.body) { // signing may have written to the body
			file = ""
		}
		return printCurl(os.Stdout, r, file)
	}
	if fl.Bool("json") {
		return terminal.PrintJSON(os.Stdout, signedOf(r), "")
	}
	hr.Header.Set("User-Agent", terminal.UserAgent)
	out := bufio.NewWriter(os.Stdout)
	if err := hr.Write(out); err != nil {
		return err
	}
	if terminal.IsTerminal(os.Stdout) { // the prompt gets a line of its own
		fmt.Fprintln(out)
	}
	return out.Flush()
}

// signedJSON is a signed request as scripts read it.
type signedJSON struct {
	Method   string      `json:"method"`
	URL      string      `json:"url"`
	Header   http.Header `json:"headers"`
	Body     string      `json:"body"`
	Encoding string      `json:"encoding,omitempty"` // base64, where the body is not UTF-8
}

func signedOf(r *verifiers.Request) signedJSON {
	s := signedJSON{Method: r.Method, URL: r.URL, Header: r.Header, Body: string(r.Body)}
	if !utf8.Valid(r.Body) {
		s.Body, s.Encoding = base64.StdEncoding.EncodeToString(r.Body), "base64"
	}
	return s
}

// httpRequest makes r a request to the given URL.
func httpRequest(r *verifiers.Request, to string) (*http.Request, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not a URL such as http://localhost:8080/hook", to)
	}
	hr, err := http.NewRequest(r.Method, to, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	hr.Header = r.Header.Clone()
	return hr, nil
}

// printCurl prints the command line for a shell. The body is in the file, if one
// is named.
func printCurl(w io.Writer, r *verifiers.Request, file string) error {
	data := "--data-binary " + terminal.Quote(string(r.Body))
	switch {
	case file != "":
		data = "--data-binary " + terminal.Quote("@"+file)
	case bytes.ContainsRune(r.Body, 0) || !utf8.Valid(r.Body):
		return errors.New("the body is not text; put it in a file for --body")
	case bytes.HasPrefix(r.Body, []byte("@")): // which --data-binary takes for a file's name
		data = "--data-raw " + terminal.Quote(string(r.Body))
	}
	var headers bytes.Buffer
	if err := r.Header.Write(&headers); err != nil {
		return err
	}
	words := []string{"curl -sSi -X " + r.Method + " " + terminal.Quote(r.URL)}
	for line := range strings.Lines(headers.String()) {
		words = append(words, "-H "+terminal.Quote(strings.TrimRight(line, "\r\n")))
	}
	_, err := fmt.Fprintln(w, strings.Join(append(words, data), " \\\n  "))
	return err
}
