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
	taken map[string][]time.Time
	order []string // of the first takes
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{addr: freeAddr(t), taken: make(map[string][]time.Time)}
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
	r.server = &http.Server{Handler: r}
	go r.server.Serve(l)
}

func (r *receiver) down() { r.server.Close() }

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

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if behave := r.behave.Load(); behave != nil && !(*behave)(w, q) {
		return
	}
	id := q.Header.Get("Webhook-Gateway-Event-Id")
	r.mu.Lock()
	defer r.mu.Unlock()
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
