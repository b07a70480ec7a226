package caddymodule

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
)

// senders is how many requests send keeps under way at once.
const senders = 8

func sendCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "send --provider P --secret S --to URL [--count N]",
		Short: "Sends a request signed as the provider would sign it",
		Long: `
Signs like sign and sends the request to a URL: a gateway or any other receiver.
With --count it sends that many: sample events with an ID each, or your own body
again and again. It prints the answers, and fails unless all were 2xx. A note
says when a success came from something else than an endpoint of a gateway: then
the URL misses the endpoint.`,
		Args: terminal.NoArgs,
		RunE: run(send),
	}
	verifierFlags(cmd)
	signFlags(cmd)
	cmd.Flags().String("to", "", "where to send it")
	cmd.Flags().IntP("count", "n", 1, "how many to send")
	cmd.Flags().Bool("json", false, "print an object a line, one for each kind of answer")
	cmd.Flags().BoolP("insecure", "k", false, "do not check the server's certificate")
	return cmd
}

// outcome is one answer, or the failure to get one.
type outcome struct {
	answer string
	ok     bool
	ours   bool   // an endpoint of a gateway answered
	kept   string // the ID of the copy of a refused request; empty: there is none
	took   time.Duration
}

func send(fl caddycmd.Flags) error {
	s, err := newSigning(fl)
	if err != nil {
		return err
	}
	to, count := fl.String("to"), fl.Int("count")
	switch {
	case to == "":
		return errors.New("--to is missing: the URL to send it to")
	case count < 1:
		return errors.New("--count has to be 1 or more")
	}
	s.url = cmp.Or(s.url, to)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = senders
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: fl.Bool("insecure")}
	client := &http.Client{
		Transport:     transport,
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	atNow := fl.String("now") != ""

	jobs := make(chan struct{})
	var outcomes []outcome
	var mu sync.Mutex
	var first error
	var senderGroup sync.WaitGroup
	for range min(senders, count) {
		senderGroup.Go(func() {
			for range jobs {
				now := time.Now()
				if atNow {
					now = s.now
				}
				o, err := s.send(client, to, now)
				mu.Lock()
				outcomes = append(outcomes, o)
				first = cmp.Or(first, err)
				mu.Unlock()
			}
		})
	}
	for range count {
		jobs <- struct{}{}
	}
	close(jobs)
	senderGroup.Wait()
	if first != nil {
		return first
	}
	if strangers := strangers(outcomes); strangers > 0 {
		fmt.Fprintf(os.Stderr, "Note: %d of %d successes came from no webhook_gateway endpoint. If a gateway is meant to receive them, "+
			"the URL misses its endpoint: compare the path with the endpoint's matcher.\n", strangers, len(outcomes))
	}
	if i := slices.IndexFunc(outcomes, func(o outcome) bool { return o.kept != "" }); i >= 0 {
		fmt.Fprintf(os.Stderr, "Note: the gateway says why it refused this: caddy webhook refused show %s\n", terminal.Word(terminal.Printable(outcomes[i].kept)))
	}
	groups, err := grouped(outcomes)
	show := printAnswers
	if fl.Bool("json") {
		show = printAnswersJSON
	}
	return errors.Join(show(os.Stdout, groups), err)
}

// strangers counts the successes that no endpoint of a gateway answered.
func strangers(outcomes []outcome) (n int) {
	for _, o := range outcomes {
		if o.ok && !o.ours {
			n++
		}
	}
	return n
}

// send sends one request. The error is for a request that cannot be signed at all.
func (s *signing) send(client *http.Client, to string, now time.Time) (outcome, error) {
	r, err := s.request(now)
	if err != nil {
		return outcome{}, err
	}
	hr, err := httpRequest(r, withQuery(to, strings.TrimPrefix(r.URL, s.url)))
	if err != nil {
		return outcome{}, err
	}
	hr.Header.Set("User-Agent", terminal.UserAgent)
	hr.Header.Set(helloHeader, "1")
	start := time.Now()
	resp, err := client.Do(hr)
	took := time.Since(start)
	if err != nil {
		return outcome{answer: "failed: " + terminal.Failure(err), took: took}, nil
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
	text := resp.Status
	if v := resp.Header.Get("Retry-After"); v != "" {
		text += ", retry after " + v + " s"
	}
	if len(body) > 0 {
		text += ": " + headerValue(string(body))
	}
	return outcome{answer: text, ok: success(resp.StatusCode), ours: resp.Header.Get(helloHeader) != "", kept: resp.Header.Get(refusedHeader), took: took}, nil
}

// withQuery adds to a URL the parameters that signing added to another URL.
func withQuery(to, added string) string {
	if added == "" {
		return to
	}
	if strings.Contains(to, "?") {
		return to + "&" + added[1:]
	}
	return to + "?" + added[1:]
}

// answers counts the answers of one kind.
type answers struct {
	Count    int     `json:"count"`
	Median   float64 `json:"median_seconds"`
	Slowest  float64 `json:"slowest_seconds"`
	Answer   string  `json:"answer"`
	Accepted bool    `json:"accepted"`
	Refused  string  `json:"refused_id,omitempty"` // of the copy that the gateway keeps
}

// grouped counts the answers by their kind, the most frequent first. The error says that
// some were not 2xx.
func grouped(outcomes []outcome) (all []answers, err error) {
	took := make(map[string][]time.Duration)
	failed := 0
	for _, o := range outcomes {
		if took[o.answer] == nil {
			all = append(all, answers{Answer: o.answer, Accepted: o.ok, Refused: o.kept})
		}
		took[o.answer] = append(took[o.answer], o.took)
		if !o.ok {
			failed++
		}
	}
	for i := range all {
		a := &all[i]
		times := took[a.Answer]
		slices.Sort(times)
		a.Count, a.Median, a.Slowest = len(times), times[len(times)/2].Seconds(), times[len(times)-1].Seconds()
	}
	slices.SortFunc(all, func(a, b answers) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Answer, b.Answer)) })
	if failed > 0 {
		err = fmt.Errorf("%d of %s not accepted", failed, terminal.Plural(int64(len(outcomes)), "request was", "requests were"))
	}
	return all, err
}

// printAnswers prints a line for each kind of answer.
func printAnswers(w io.Writer, all []answers) error {
	t := terminal.NewTable("COUNT", "MEDIAN", "SLOWEST", "ANSWER")
	took := func(seconds float64) string {
		return time.Duration(seconds * float64(time.Second)).Round(10 * time.Microsecond).String()
	}
	for _, a := range all {
		t.Row(strconv.Itoa(a.Count), took(a.Median), took(a.Slowest), a.Answer)
	}
	return t.Print(w)
}

func printAnswersJSON(w io.Writer, all []answers) error {
	for _, a := range all {
		if err := terminal.PrintJSON(w, a, ""); err != nil {
			return err
		}
	}
	return nil
}
