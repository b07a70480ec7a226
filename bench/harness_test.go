package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// What the benchmarks send has to be what the gateway takes.
func TestEventsAreGenuine(t *testing.T) {
	for name := range senders {
		t.Run(name, func(t *testing.T) {
			row, ok := providers.Lookup(name)
			if !ok {
				t.Fatal("no such provider")
			}
			v, err := row.Scheme.Verifier(secret)
			if err != nil {
				t.Fatal(err)
			}
			const signed = 2
			b := newBatch(name, signed, bodySize)
			c := b.copy()
			ids := make(map[string]bool)
			for range signed + 2 { // the others are signed when they are needed
				r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.nextEvent())))
				if err != nil {
					t.Fatal(err)
				}
				body := new(bytes.Buffer)
				body.ReadFrom(r.Body)
				if body.Len() != bodySize {
					t.Errorf("the body has %d bytes, want %d", body.Len(), bodySize)
				}
				event, err := v.Verify(t.Context(), &verifiers.Request{
					Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: body.Bytes(),
				})
				if err != nil {
					t.Fatalf("%v: %s", err, c.bytes)
				}
				ids[event.ID] = true
				if event.Timestamp.IsZero() != (name == "github") {
					t.Errorf("the time is %v", event.Timestamp)
				} else if err := row.Freshness.Tolerance.Check(event.Timestamp, time.Now()); name != "github" && err != nil {
					t.Error(err)
				}
			}
			if len(ids) != signed+2 {
				t.Errorf("the IDs are not all different: %v", ids)
			}
		})
	}
}

func TestUpstreamTellsEventsApart(t *testing.T) {
	const first = 3 * maxBatch
	arrive := func(tally *tally, n int64) {
		r := &http.Request{Header: http.Header{"X-Github-Delivery": {fmt.Sprintf("72d3162e-%012x", n)}}}
		tally.arrived(r)
	}
	all := &tally{first: first}
	for _, n := range []int64{first, first + 1, first + 64, first + 1, first - 1, first + maxBatch} {
		arrive(all, n)
	}
	if d, a, s := all.distinct.Load(), all.again.Load(), all.strange.Load(); d != 3 || a != 1 || s != 2 {
		t.Errorf("%d distinct, %d again and %d strange; want 3, 1 and 2", d, a, s)
	}
}

func TestAnswerSize(t *testing.T) {
	for answer, want := range map[string]int{
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":              38,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: x\r\n\r\nok": 49,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n":                  0,
		"HTTP/1.1 503 Service Unavailable\r\n\r\n":                  -1,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n":     -1,
	} {
		n, err := answerSize([]byte(answer))
		if err != nil {
			n = -1
		}
		if n != want {
			t.Errorf("%q: %d, want %d", answer, n, want)
		}
	}
}
