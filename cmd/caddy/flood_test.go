package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// floodSite has endpoints that read bodies in every way there is.
const floodSite = `
ADDR {
	webhook_gateway /form mandrill {
		secret s3cret
		public_url https://hooks.example.com/form
		forward %[1]s
	}
	webhook_gateway /params twilio {
		secret s3cret
		public_url https://hooks.example.com/params
		forward %[1]s
	}
	webhook_gateway /slack slack {
		secret s3cret
		forward %[1]s
	}
	webhook_gateway /json hmac {
		name json
		signature json signature
		signed {json:id}.{json:data}
		event_id json id
		secret s3cret
		forward %[1]s
	}
	webhook_gateway /packed hmac {
		name packed
		signature header X-Signature
		signed {json:id}
		inflate
		event_id json id
		secret s3cret
		forward %[1]s
	}
	webhook_gateway /parts hmac {
		name parts
		signature form signature
		signed {form:id}
		event_id form id
		secret s3cret
		forward %[1]s
	}
	webhook_gateway /generic generic {
		secret s3cret
		forward %[1]s
	}
}
`

// TestMemoryBound floods a gateway with forged requests of every kind at once. All of
// the process stays below max_in_flight and 150 MB.
func TestMemoryBound(t *testing.T) {
	unraced(t)
	if runtime.GOOS != "linux" {
		t.Skip("Linux alone tells the most memory that a process had")
	}
	const maxInFlight, rest, size = 32 << 20, 150_000_000, 4 << 20
	up := newUpstream(t)
	g := newGatewayWith(t, "", fmt.Sprintf("max_in_flight %d", maxInFlight), fmt.Sprintf(floodSite, up.addr()))
	g.start()
	defer g.stop()
	mustPost(t, g.url("/generic"), genericBody("evt_first"))
	before := peak(t, g)

	floods := floodsOf(size)
	for i := range floods {
		flooded(t, g, floods[i:i+1], 6) // one kind after the other
		t.Logf("%-18s %d MB", floods[i].name, peak(t, g)/1e6)
	}
	flooded(t, g, floods, 3) // all of them together
	after := peak(t, g)
	t.Logf("%d MB before, %d MB at the most", before/1e6, after/1e6)
	if after > maxInFlight+rest {
		t.Errorf("the process took up to %d MB, want at most %d MB", after/1e6, int64(maxInFlight+rest)/1e6)
	}
	mustPost(t, g.url("/generic"), genericBody("evt_last"))
	up.awaitAll(t, []string{"evt_first", "evt_last"})
}

// flooded sends kinds of requests, each by so many senders at once.
func flooded(t *testing.T, g *gateway, floods []flood, senders int) {
	var wg sync.WaitGroup
	for _, f := range floods {
		for i := range senders {
			wg.Go(func() {
				for range 2 {
					if status := f.send(g, i%2 == 0); status == http.StatusOK {
						t.Errorf("%s: a forged request was accepted", f.name)
					}
				}
			})
		}
	}
	wg.Wait()
}

// flood is one kind of forged request.
type flood struct {
	name, path string
	header     []string
	body       []byte
}

func floodsOf(size int) []flood {
	const form, parts = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
	fill := func(s string) []byte { return bytes.Repeat([]byte(s), size/len(s)) }
	join := func(before string, middle []byte, after string) []byte {
		return []byte(before + string(middle) + after)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for range 64 {
		_, _ = w.Write(bytes.Repeat([]byte(" "), size))
	}
	_ = w.Close()
	many := []string{"X-Signature", "00"}
	for i := range 150 {
		many = append(many, fmt.Sprint("X-Many-", i), strings.Repeat("v", 60))
	}
	signed := func(name, value string, more ...string) []string { return append(more, name, value) }
	twilio := signed("X-Twilio-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Content-Type", form)
	mandrill := signed("X-Mandrill-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Content-Type", form)
	return []flood{
		{"many names", "/params", twilio, fill("a&")},
		{"many empty names", "/params", twilio, fill("&")},
		{"half escapes", "/params", twilio, fill("%4&%")},
		{"many pairs", "/form", mandrill, fill("a=b&")},
		{"escaped events", "/form", mandrill, join("mandrill_events=", fill("%5B"), "")},
		{"semicolons", "/slack", signed("X-Slack-Signature", "v0="+strings.Repeat("00", 32), "X-Slack-Request-Timestamp", "1", "Content-Type", form), fill(";")},
		{"brackets", "/json", nil, fill("[")},
		{"members", "/json", nil, join(`{"a":1`, fill(`,"b":2`), "}")},
		{"one string", "/json", nil, join(`{"signature":"00","id":"`, fill(`\u0041`), `","data":"x"}`)},
		{"inflated", "/packed", signed("X-Signature", strings.Repeat("00", 32), "Content-Encoding", "gzip"), packed.Bytes()},
		{"inflated text", "/packed", signed("X-Signature", strings.Repeat("00", 32), "Content-Encoding", "gzip"), bytes.Repeat(packed.Bytes(), 8)},
		{"parts", "/parts", signed("Content-Type", parts), join("", fill("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n"), "--b--\r\n")},
		{"plain", "/generic", signed("X-Webhook-Signature", strings.Repeat("00", 32)), fill("x")},
		{"headers", "/generic", many, fill("y")},
	}
}

// send sends a flood's request and returns the status, or 0 if there was no answer.
func (f flood) send(g *gateway, chunked bool) int {
	r, err := http.NewRequest(http.MethodPost, g.url(f.path), bytes.NewReader(f.body))
	if err != nil {
		panic(err)
	}
	if chunked {
		r.Body, r.ContentLength, r.GetBody = io.NopCloser(bytes.NewReader(f.body)), -1, nil
	}
	for i := 0; i < len(f.header); i += 2 {
		r.Header.Set(f.header[i], f.header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// peak is the most memory that the gateway's process has had so far, in bytes.
func peak(t *testing.T, g *gateway) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(g.cmd.Process.Pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Skip("/proc does not tell the most memory of a process here")
	return 0
}
