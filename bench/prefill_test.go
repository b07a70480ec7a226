package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

// backlogFolders are gateways' folders whose stores hold the backlog already, by
// the number of endpoints that it is spread over.
var backlogFolders = make(map[int]string)

// prefilled makes one on first use, in a process of its own.
func prefilled(b *testing.B, endpoints int) string {
	b.Helper()
	if folder := backlogFolders[endpoints]; folder != "" {
		return folder
	}
	folder := newFolder(b)
	p := start(b, "prefill", "BENCH_FOLDER="+folder, "HOOKWICKET_BENCH_BACKLOG="+strconv.Itoa(backlog), endpointsVariable+"="+strconv.Itoa(endpoints))
	defer p.stop()
	fmt.Fprintf(os.Stderr, "%s events put into the store in %s\n", number(float64(backlog), 0), p.started.Round(100*time.Millisecond))
	backlogFolders[endpoints] = folder
	return folder
}

// endpointsVariable says how many endpoints there are besides those of the
// Caddyfile. With none of them the backlog is that of the endpoint github.
const endpointsVariable = "BENCH_ENDPOINTS"

// prefillMain writes a backlog, many events at a time so that they share their
// fsyncs.
func prefillMain() error {
	endpoints := int64(setting(endpointsVariable, 0))
	store, err := pebble.Open(pebble.Options{Dir: storeFolder(os.Getenv("BENCH_FOLDER"))})
	if err != nil {
		return err
	}
	plain := []byte(bodyOf("{id}", bodySize, time.Now()))
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range 512 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(backlog) && failed.Load() == nil; i = next.Add(1) - 1 {
				body := bytes.Clone(plain)
				setNoise(body, i)
				m, id := waiting(i, body)
				if endpoints > 0 {
					m.Endpoint = extraEndpoint(i % endpoints)
				}
				if _, err := store.Accept(context.Background(), m, id, queue.To(queue.ParseDestination(m.Endpoint))...); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	if err := store.Close(); err != nil {
		return err
	}
	return handOver(nil)
}

// extraEndpoint is the name of one of the endpoints that are not in the Caddyfile.
func extraEndpoint(i int64) string { return fmt.Sprintf("extra-%d", i) }

func storeFolder(folder string) string { return filepath.Join(folder, "store") }

// waiting is one event of the backlog.
func waiting(i int64, body []byte) (*queue.Message, queue.Identity) {
	now := time.Now()
	m := &queue.Message{
		ID: queue.NewID(now), ReceivedAt: now, Endpoint: "github", Provider: "github",
		EventID: fmt.Sprintf("72d3162e-cc78-11e3-81ab-%012x", i), EventType: "push",
		Method: http.MethodPost, URI: "/webhook", Host: "hooks.example.com", Proto: "HTTP/1.1",
		RemoteAddr: "127.0.0.1:50000", ClientIP: "127.0.0.1",
		Header: http.Header{
			"Accept":              {"*/*"},
			"Content-Type":        {"application/json"},
			"Content-Length":      {strconv.Itoa(len(body))},
			"User-Agent":          {"GitHub-Hookshot/5e4f0a1"},
			"X-Github-Event":      {"push"},
			"X-Github-Delivery":   {fmt.Sprintf("72d3162e-cc78-11e3-81ab-%012x", i)},
			"X-Hub-Signature-256": {fmt.Sprintf("sha256=%064x", i)},
		},
		Body: body,
	}
	return m, queue.Identity{Key: waitingKey(i), Digest: waitingKey(-1 - i), Window: 72 * time.Hour}
}

// waitingKey is the dedupe key of an event of the backlog; negative ones are
// the digests of their content.
func waitingKey(i int64) (k queue.Key) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	copy(k[:], sum[:])
	return k
}
