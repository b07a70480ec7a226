package queue

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/peertest"
)

// answers writes raw bytes as the answer to a request and closes.
func answers(t *testing.T, raw string) string {
	return peertest.Listen(t, func(c *net.TCPConn) {
		defer c.Close()
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, raw)
		}
	})
}

// serves is an HTTPS server with a certificate of its own making.
func serves(t *testing.T, setUp func(*httptest.Server)) (addr string, roots *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	setUp(s)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots = x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.Listener.Addr().String(), roots
}

// TestFailureOf asks real listeners: what net and net/http return is theirs to
// choose and has changed before.
func TestFailureOf(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	silent := peertest.Listen(t, func(c *net.TCPConn) { io.Copy(io.Discard, c) })
	silentTLS := &http.Transport{TLSHandshakeTimeout: 20 * time.Millisecond}
	none := func(*httptest.Server) {}
	selfSigned, roots := serves(t, none)
	trusting := func(c *tls.Config) *http.Transport {
		c.RootCAs = roots
		return &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	}
	asksForClient, _ := serves(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}
	})
	asksForClient13, _ := serves(t, func(s *httptest.Server) { s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert} })
	h2, h2Roots := serves(t, func(s *httptest.Server) { s.EnableHTTP2 = true })

	for _, test := range []struct {
		name, url string
		transport *http.Transport
		want      Failure
	}{
		{"a closed port", "http://" + closed.Addr().String(), nil, Refused},
		{"no such socket", "http://x", &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", t.TempDir()+"/none")
		}}, Refused},
		{"a proxy's closed port", "http://x", &http.Transport{Proxy: func(r *http.Request) (*url.URL, error) {
			return &url.URL{Scheme: "http", Host: closed.Addr().String()}, nil
		}}, Refused},
		{"resets", "http://" + peertest.Listen(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
			c.SetLinger(0)
			c.Close()
		}), nil, Reset},
		{"resets at once", "http://" + peertest.Listen(t, func(c *net.TCPConn) { c.SetLinger(0); c.Close() }), nil, Reset},
		{"hangs up without an answer", "http://" + answers(t, ""), nil, Reset},
		{"hangs up in the status", "http://" + answers(t, "HTTP/1.1 2"), nil, Reset},
		{"hangs up in the headers", "http://" + answers(t, "HTTP/1.1 200 OK\r\nContent-Le"), nil, Reset},
		{"hangs up in the body", "http://" + answers(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), nil, Reset},
		{"hangs up in a chunk", "http://" + answers(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort"), nil, Reset},
		{"chunks that are none", "http://" + answers(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nshort"), nil, Reset},
		{"speaks no HTTP", "http://" + answers(t, "220 mail.example.com ESMTP\r\n"), nil, Reset},
		{"speaks bad HTTP", "http://" + answers(t, "HTTP/1.1 200 OK\r\nno header\r\n\r\n"), nil, Reset},
		{"never answers", "http://" + silent, nil, Timeout},
		{"never answers, and the transport minds", "http://" + silent, &http.Transport{ResponseHeaderTimeout: 20 * time.Millisecond}, Timeout},
		{"never ends its answer", "http://" + peertest.Listen(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
			io.Copy(io.Discard, c)
		}), nil, Timeout},
		{"never takes the connection", "http://" + peertest.Full(t), &http.Transport{DialContext: (&net.Dialer{Timeout: 20 * time.Millisecond}).DialContext}, Timeout},
		{"never shakes hands", "https://" + silent, silentTLS, Timeout},
		{"speaks plain HTTP to TLS", "https://" + peertest.Listen(t, func(c *net.TCPConn) {
			defer c.Close()
			bufio.NewReader(c).ReadByte()
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}), nil, TLS},
		{"hangs up in the handshake", "https://" + peertest.Listen(t, func(c *net.TCPConn) {
			bufio.NewReader(c).ReadByte()
			c.SetLinger(0)
			c.Close()
		}), nil, Reset},
		{"a certificate of its own making", "https://" + selfSigned, nil, TLS},
		{"another's certificate", "https://" + selfSigned, trusting(&tls.Config{ServerName: "elsewhere.test"}), TLS},
		{"a version too old", "https://" + selfSigned, trusting(&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}), TLS},
		{"asks for a certificate", "https://" + asksForClient, &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, TLS},
		{"asks for a certificate late", "https://" + asksForClient13, &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, TLS},
		{"breaks off in HTTP/2", "https://" + h2, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h2Roots}, ForceAttemptHTTP2: true}, Reset},
	} {
		t.Run(test.name, func(t *testing.T) {
			limit := time.Minute // a slow machine is no timeout
			if test.want == Timeout {
				limit = 500 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			transport := test.transport
			if transport == nil {
				transport = &http.Transport{}
			}
			defer transport.CloseIdleConnections()
			r, err := http.NewRequestWithContext(ctx, "POST", test.url, strings.NewReader("body"))
			if err == nil {
				var answer *http.Response
				if answer, err = transport.RoundTrip(r); err == nil {
					_, err = io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
				}
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, err := range []error{err, fmt.Errorf("wrapped: %w (%w)", err, StatusError{502})} {
				if got := FailureOf(err); got != test.want {
					t.Errorf("%q, want %q: %v (%T)", got, test.want, err, err)
				}
			}
		})
	}
}

// TestFailureOfErrors are those that cannot be had from a listener.
func TestFailureOfErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want Failure
	}{
		{nil, ""},
		{&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}, Refused},
		{&net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}, Timeout},
		{&PanicError{http.ErrAbortHandler, nil}, Reset},
		{&PanicError{"oh", nil}, Broken},
		{errors.New("http: server closed idle connection"), Reset},
		{fmt.Errorf("proxying: %w", syscall.EPIPE), Reset},
		{StatusError{503}, Status},
		{RetryAfter(StatusError{503}, time.Minute), Status},
		{fmt.Errorf("stopping: %w", ErrAborted), Aborted},
		{fmt.Errorf("%w: %w", ErrAborted, context.DeadlineExceeded), Aborted},
		{Fail(Refused, errors.New("hidden")), Refused},
		{errors.New("no route"), Broken},
	} {
		if got := FailureOf(test.err); got != test.want {
			t.Errorf("%q, want %q: %v", got, test.want, test.err)
		}
	}
}

// TestKept: what is kept of an attempt is bounded and holds whole characters.
func TestKept(t *testing.T) {
	began := time.Now()
	a := kept(3, began, began.Add(time.Second), Answer{Status: 500, Excerpt: []byte(strings.Repeat("é", MaxExcerpt))},
		errors.New("x"+strings.Repeat("é", MaxError)))
	if a.Number != 3 || a.Duration != time.Second || a.Status != 500 || a.Failure != Broken {
		t.Errorf("%+v", a)
	}
	if len(a.Excerpt) != MaxExcerpt || len(a.Error) != MaxError-1 {
		t.Errorf("%d bytes of the answer, %d of the error", len(a.Excerpt), len(a.Error))
	}
	if a := kept(1, began, began, Answer{}, StatusError{418}); a.Status != 418 || a.Failure != Status {
		t.Errorf("%+v", a)
	}
	if a := kept(1, began, began, Answer{Status: 204}, nil); a.Failure != "" || a.Error != "" || a.Status != 204 {
		t.Errorf("%+v", a)
	}
}
