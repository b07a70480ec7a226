package caddymodule

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// sink is an answer that nobody reads. It counts bytes and deadlines.
type sink struct {
	header    http.Header
	bytes     int
	deadlines int
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}
func (s *sink) Flush()              {}
func (s *sink) Write(p []byte) (int, error) {
	s.bytes += len(p)
	return len(p), nil
}

func (s *sink) SetWriteDeadline(time.Time) error {
	s.deadlines++
	return nil
}

// TestListenRate: a listener gets 40 MiB at its rate, by a clock that the test drives. The
// end of the stream cuts the wait short, and nothing follows a half event.
func TestListenRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, leave := context.WithCancel(t.Context())
		to := &sink{header: make(http.Header)}
		s, end := newEventStream(to, reader, context.Background())
		s.pace = rate.NewLimiter(listenRate, listenBurst)
		began := time.Now()
		for range 5 {
			if err := s.send("data: ", make([]byte, 8<<20)); err != nil {
				t.Fatal(err)
			}
		}
		const want = time.Second * (40<<20 - listenBurst) / listenRate
		if took := time.Since(began); took < want || took > want+10*time.Millisecond {
			t.Errorf("40 MiB took %v instead of %v", took, want)
		}

		time.AfterFunc(300*time.Millisecond, leave)
		began = time.Now()
		if err := s.send("data: ", make([]byte, 8<<20)); !errors.Is(err, context.Canceled) {
			t.Errorf("the stream is over, but: %v", err)
		}
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("it ended %v after it was told to", took-300*time.Millisecond)
		}
		synctest.Wait()
		before := to.bytes
		if err := s.comment("the end"); err == nil || to.bytes != before {
			t.Errorf("%d bytes behind a half event, %v", to.bytes-before, err)
		}
		end()
	})
}

// TestStreamLetsGo: when the answer to a reader has ended, its connection may be another
// request's, so neither the reader nor the configuration changes its deadline.
func TestStreamLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, leave := context.WithCancel(t.Context())
		configuration, change := context.WithCancel(t.Context())
		to := &sink{header: make(http.Header)}
		_, end := newEventStream(to, reader, configuration)
		end()
		deadlines := to.deadlines
		if deadlines == 0 {
			t.Error("there was no deadline at all")
		}
		leave()
		change()
		synctest.Wait()
		if to.deadlines != deadlines {
			t.Errorf("%d deadlines were set afterwards", to.deadlines-deadlines)
		}
	})
}

// TestSlowReaders: a reader that is slow gets an event whole. One that stops is cut off
// after a time, and soon once the stream is over. The clock is the test's.
func TestSlowReaders(t *testing.T) {
	const size = 1 << 20
	for name, test := range map[string]struct {
		every  time.Duration // the pause before each 16 KiB that the reader takes
		most   int           // how much it takes
		change time.Duration // when the configuration changes; 0: it does not
		fails  error
		after  time.Duration
	}{
		"slow":         {every: 5 * time.Second, most: size, after: size / (16 << 10) * 5 * time.Second},
		"stopped":      {most: 64 << 10, fails: os.ErrDeadlineExceeded, after: stalledAfter},
		"stopped, end": {most: 64 << 10, change: 7 * time.Second, fails: os.ErrDeadlineExceeded, after: 7*time.Second + lastWrites},
		"slow, end":    {every: 5 * time.Second, most: size, change: 7 * time.Second, fails: os.ErrDeadlineExceeded, after: 7*time.Second + lastWrites},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				configuration, change := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				began := time.Now()
				var took time.Duration
				server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					s, end := newEventStream(w, r.Context(), configuration)
					defer end()
					err := s.send("data: ", make([]byte, size))
					took = time.Since(began)
					ended <- err
				})}
				conn, theirs := net.Pipe()
				go server.Serve(&oneConn{conn: theirs, closed: make(chan struct{})})
				go io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
				if test.change > 0 {
					time.AfterFunc(test.change, change)
				}
				var reads sync.WaitGroup
				reads.Go(func() {
					b := bufio.NewReader(conn)
					for { // the head of the answer
						if line, err := b.ReadString('\n'); err != nil || strings.TrimSpace(line) == "" {
							break
						}
					}
					for took := 0; took < test.most; took += 16 << 10 {
						time.Sleep(test.every)
						if _, err := io.CopyN(io.Discard, b, 16<<10); err != nil {
							return
						}
					}
					if test.fails == nil {
						io.Copy(io.Discard, b)
					}
				})
				if err := <-ended; !errors.Is(err, test.fails) {
					t.Errorf("%v instead of %v", err, test.fails)
				}
				if took < test.after || took > test.after+time.Second {
					t.Errorf("it took %v instead of %v", took, test.after)
				}
				conn.Close()
				server.Close()
				change()
				reads.Wait()
			})
		})
	}
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	close(l.closed)
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }
