package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(new(ceiling))
	httpcaddyfile.RegisterHandlerDirective("bench_ceiling", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		c := new(ceiling)
		return c, c.UnmarshalCaddyfile(h.Dispenser)
	})
	httpcaddyfile.RegisterDirectiveOrder("bench_ceiling", httpcaddyfile.Before, "respond")
}

// ceiling is the least that a durable receiver in Caddy can do: it reads the body,
// checks GitHub's signature, appends the body to a log with group commit, and answers.
// It remembers no event and delivers none. Accepting is held against it.
type ceiling struct {
	File   string `json:"file"`
	Secret string `json:"secret"`

	log  *groupLog
	macs sync.Pool
}

func (*ceiling) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_ceiling", New: func() caddy.Module { return new(ceiling) }}
}

// UnmarshalCaddyfile reads `bench_ceiling <secret> <file>`; a file first would be taken for a path matcher.
func (c *ceiling) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.Args(&c.Secret, &c.File) {
		return d.ArgErr()
	}
	return nil
}

func (c *ceiling) Provision(caddy.Context) error {
	key := []byte(caddy.NewReplacer().ReplaceAll(c.Secret, ""))
	c.macs.New = func() any { return hmac.New(sha256.New, key) }
	file, err := os.Create(c.File)
	if err != nil {
		return err
	}
	c.log = newGroupLog(file)
	return nil
}

func (c *ceiling) Cleanup() error { return c.log.close() }

func (c *ceiling) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return err
	}
	mac := c.macs.Get().(interface {
		io.Writer
		Sum([]byte) []byte
		Reset()
	})
	mac.Reset()
	mac.Write(body)
	var sum, sent [sha256.Size]byte
	mac.Sum(sum[:0])
	c.macs.Put(mac)
	signature := r.Header.Get("X-Hub-Signature-256")
	if len(signature) != len("sha256=")+2*len(sent) {
		return caddyhttp.Error(http.StatusUnauthorized, nil)
	}
	if _, err := hex.Decode(sent[:], []byte(signature[len("sha256="):])); err != nil || !hmac.Equal(sum[:], sent[:]) {
		return caddyhttp.Error(http.StatusUnauthorized, err)
	}
	if err := c.log.append(body); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// groupLog is a file to which many append at once. One write and one sync serve all that
// came while the sync before was running.
type groupLog struct {
	file *os.File

	mu    sync.Mutex
	next  *group
	wake  chan struct{}
	ended chan struct{}
}

// group is the records of one write. err may be read once done is closed.
type group struct {
	records []byte
	done    chan struct{}
	err     error
}

func newGroupLog(file *os.File) *groupLog {
	l := &groupLog{file: file, next: newGroup(nil), wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go l.run()
	return l
}

func newGroup(buffer []byte) *group { return &group{records: buffer[:0], done: make(chan struct{})} }

func (l *groupLog) append(record []byte) error {
	l.mu.Lock()
	g := l.next
	first := len(g.records) == 0
	g.records = append(g.records, record...)
	l.mu.Unlock()
	if first {
		l.wake <- struct{}{}
	}
	<-g.done
	return g.err
}

func (l *groupLog) run() {
	defer close(l.ended)
	var buffer []byte
	for range l.wake {
		l.mu.Lock()
		g := l.next
		l.next = newGroup(buffer)
		l.mu.Unlock()
		_, err := l.file.Write(g.records)
		g.err = errors.Join(err, l.file.Sync())
		buffer = g.records
		close(g.done)
	}
}

func (l *groupLog) close() error {
	close(l.wake)
	<-l.ended
	return l.file.Close()
}
