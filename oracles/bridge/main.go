// Command bridge lets judges in other languages ask the gateway's catalogue. It
// reads questions from standard input, one JSON object a line, and answers each
// with a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// question asks for one of three things, by Op:
//
//	sample  the provider's sample, not signed
//	sign    the sample or Body, signed with the first secret
//	verify  whether Request is genuine
type question struct {
	Op       string
	Provider string
	Secrets  []string
	Options  map[string]string
	URL      string
	Body     []byte // base64; nil: the row's sample
	Now      time.Time
	Request  *request
}

type request struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Header http.Header `json:"header"`
	Body   []byte      `json:"body"` // base64
}

type answer struct {
	Error   string           `json:"error,omitempty"`
	Reason  verifiers.Reason `json:"reason,omitempty"`
	Request *request         `json:"request,omitempty"`
	Event   *verifiers.Event `json:"event,omitempty"`
	ID      string           `json:"id,omitempty"`
}

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		var q question
		if err == nil {
			err = json.Unmarshal(line, &q)
		}
		var a answer
		if err == nil {
			err = q.answer(&a)
		}
		if err != nil {
			a.Error, a.Reason = err.Error(), verifiers.ReasonOf(err)
		}
		if err := out.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func (q *question) answer(a *answer) error {
	row, ok := providers.Lookup(q.Provider)
	if !ok {
		return fmt.Errorf("no provider %q", q.Provider)
	}
	fields, err := json.Marshal(map[string]any{"options": q.Options})
	if err != nil {
		return err
	}
	scheme := row.Scheme
	if len(q.Options) > 0 {
		if scheme, err = verifiers.Override(scheme, fields); err != nil {
			return err
		}
	}
	if q.Now.IsZero() {
		q.Now = time.Now()
	}
	switch q.Op {
	case "sample", "sign":
		a.ID = row.Sample.NewID()
		r := row.Sample.Request(q.URL, q.Now, a.ID)
		if q.Body != nil {
			r.Body = q.Body
		}
		if q.Op == "sign" {
			signer, ok := scheme.(verifiers.Signer)
			if !ok {
				return fmt.Errorf("%s cannot be signed for", row.Name)
			}
			if err := signer.Sign(r, q.Secrets[0], q.Now, a.ID); err != nil {
				return err
			}
		}
		a.Request = &request{r.Method, r.URL, r.Header, r.Body}
		return nil
	case "verify":
		v, err := scheme.Verifier(q.Secrets...)
		if err != nil {
			return err
		}
		r := &verifiers.Request{Method: q.Request.Method, URL: q.Request.URL, Header: http.Header{}, Body: q.Request.Body}
		for name, values := range q.Request.Header {
			for _, value := range values {
				r.Header.Add(name, value)
			}
		}
		event, err := v.Verify(context.Background(), r)
		if err == nil {
			err = row.Freshness.Check(event, q.Now)
		}
		if err == nil {
			a.Event = &event
		}
		return err
	}
	return fmt.Errorf("unknown op %q", q.Op)
}
