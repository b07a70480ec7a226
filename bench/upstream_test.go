package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// The upstream is a plain net/http server that notes which events of a batch it
// has got, and beside it a listener that takes requests and never answers.
// A third listener is for questions about the first.

// tally is what has arrived of the events numbered from first on.
type tally struct {
	first    int64
	seen     [maxBatch / 64]atomic.Uint64
	distinct atomic.Int64
	again    atomic.Int64 // arrivals of what had arrived before
	strange  atomic.Int64 // arrivals of anything else
	last     atomic.Int64 // when, in nanoseconds since 1970
}

// report is a tally as it is handed over.
type report struct {
	Distinct, Again, Strange, Last int64
}

func (t *tally) arrived(r *http.Request) {
	now := time.Now().UnixNano()
	id := r.Header.Get("X-GitHub-Delivery")
	n := int64(-1)
	if len(id) > idLength {
		if number, err := strconv.ParseInt(id[len(id)-idLength:], 16, 64); err == nil {
			n = number - t.first
		}
	}
	if n < 0 || n >= maxBatch {
		t.strange.Add(1)
		return
	}
	if bit := uint64(1) << (n % 64); t.seen[n/64].Or(bit)&bit != 0 {
		t.again.Add(1)
		return
	}
	t.distinct.Add(1)
	for {
		last := t.last.Load()
		if last >= now || t.last.CompareAndSwap(last, now) {
			return
		}
	}
}

func upstreamMain() error {
	var current atomic.Pointer[tally]
	current.Store(new(tally))
	counting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // cut off: it has not arrived
		}
		current.Load().arrived(r)
		io.WriteString(w, "ok")
	})
	questions := http.NewServeMux()
	questions.HandleFunc("POST /reset", func(w http.ResponseWriter, r *http.Request) {
		first, err := strconv.ParseInt(r.FormValue("first"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		current.Store(&tally{first: first})
	})
	questions.HandleFunc("GET /report", func(w http.ResponseWriter, r *http.Request) {
		t := current.Load()
		json.NewEncoder(w).Encode(report{t.distinct.Load(), t.again.Load(), t.strange.Load(), t.last.Load()})
	})
	addresses := make(map[string]string)
	for name, serve := range map[string]func(net.Listener) error{
		"counting":  (&http.Server{Handler: counting}).Serve,
		"questions": (&http.Server{Handler: questions}).Serve,
		"silent":    serveSilence,
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses[name] = l.Addr().String()
		go serve(l)
	}
	return handOver(addresses)
}

func serveSilence(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(io.Discard, conn)
			conn.Close()
		}()
	}
}

// upstream is started once and serves the whole run.
var upstream *process

func startUpstream(b *testing.B) {
	b.Helper()
	if upstream == nil {
		upstream = start(b, "upstream")
	}
}

func stopUpstream() {
	if upstream != nil {
		upstream.stop()
	}
}

// expect makes the upstream forget all and await the events of a batch.
func expect(b *testing.B, batch *batch) {
	b.Helper()
	form := url.Values{"first": {strconv.FormatInt(batch.first, 10)}}
	resp, err := http.PostForm("http://"+upstream.addresses["questions"]+"/reset", form)
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("HTTP status %d", resp.StatusCode)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
}

// arrivals asks the upstream what it has got since expect.
func arrivals(b *testing.B) (r report) {
	b.Helper()
	resp, err := http.Get("http://" + upstream.addresses["questions"] + "/report")
	if err == nil {
		err = json.NewDecoder(resp.Body).Decode(&r)
		resp.Body.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	return r
}
