package main

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// receiver is an upstream that can go away and come back at its address, and
// knows when it took what.
type receiver struct {
	addr   string
	behave atomic.Pointer[behaviour] // nil: it takes all
	server *http.Server

	mu    sync.Mutex
	ups   int // how often it has come up or gone away
	taken map[string][]time.Time
	order []string // of the first takes
}

func newReceiver(t *testing.T) *receiver { return newReceiverAt(t, "127.0.0.1") }

// newReceiverAt makes a receiver at an address of this host.
func newReceiverAt(t *testing.T, host string) *receiver {
	r := &receiver{addr: freeAddrAt(t, host), taken: make(map[string][]time.Time)}
	r.up(t)
	t.Cleanup(r.down)
	return r
}

func (r *receiver) up(t *testing.T) {
	var l net.Listener
	until(t, "the upstream's address is free", func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", r.addr)
		return err == nil
	})
	up := r.turn()
	r.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.take(w, q, up) })}
	go r.server.Serve(l)
}

// down takes nothing any more when it returns: a request that was read before and is
// handled only then, on a busy machine, could not be answered.
func (r *receiver) down() {
	r.turn()
	r.server.Close()
}

func (r *receiver) turn() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ups++
	return r.ups
}

func (r *receiver) missing(ids []string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if len(r.taken[id]) == 0 {
			n++
		}
	}
	return n
}

// take serves a request of the server that came up as the given one.
func (r *receiver) take(w http.ResponseWriter, q *http.Request, up int) {
	if behave := r.behave.Load(); behave != nil && !(*behave)(w, q) {
		return
	}
	id := q.Header.Get("Webhook-Gateway-Event-Id")
	r.mu.Lock()
	defer r.mu.Unlock()
	if up != r.ups {
		panic(http.ErrAbortHandler)
	}
	if len(r.taken[id]) == 0 {
		r.order = append(r.order, id)
	}
	r.taken[id] = append(r.taken[id], time.Now())
}

// behaviour answers unless it lets the receiver take the event.
type behaviour func(http.ResponseWriter, *http.Request) (take bool)

func slowly(_ http.ResponseWriter, r *http.Request) bool {
	select {
	case <-time.After(200 * time.Millisecond):
		return true
	case <-r.Context().Done():
		return false
	}
}

func failing(w http.ResponseWriter, _ *http.Request) bool {
	w.WriteHeader(http.StatusInternalServerError)
	return false
}

func flapping(w http.ResponseWriter, r *http.Request) bool {
	return time.Now().UnixMilli()/100%2 == 0 || failing(w, r)
}

func resetting(w http.ResponseWriter, _ *http.Request) bool {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	return false
}

func cutting(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Length", "100000")
	w.Write([]byte("the beginning"))
	panic(http.ErrAbortHandler)
}

func hanging(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return false
}
