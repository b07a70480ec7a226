package caddymodule

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

// machine is the world of a store that a test commands: the real pebble store,
// on a disk in memory that can be full, by a clock that can be set forward.
type machine struct {
	name    string
	disk    vfs.FS
	full    atomic.Bool
	syncing atomic.Pointer[chan struct{}] // syncs wait until it is closed; nil: they do not
	forward atomic.Int64                  // the clock's lead, a time.Duration
	current atomic.Pointer[pebble.Store]
	opened  atomic.Int64 // how often the store was opened
	refuse  atomic.Bool  // opening fails
}

var machines sync.Map // by name

func newMachine(t *testing.T) *machine {
	m := &machine{name: t.Name()}
	m.disk = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if m.full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		if gate := m.syncing.Load(); gate != nil && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			<-*gate
		}
		return nil
	}))
	machines.Store(m.name, m)
	return m
}

// line names the machine in a configuration.
func (m *machine) line() string { return "hookwicket_test " + m.name }

func (m *machine) now() time.Time { return time.Now().Add(time.Duration(m.forward.Load())) }

// later sets the clock forward, past any pause between two attempts.
func (m *machine) later() {
	m.forward.Add(int64(2 * time.Hour))
	m.current.Load().Wake()
}

func init() { caddy.RegisterModule(&testStore{}) }

// testStore is the module webhook_gateway.stores.hookwicket_test.
type testStore struct {
	Name string `json:"name,omitempty"`
}

func (*testStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "webhook_gateway.stores.hookwicket_test", New: func() caddy.Module { return new(testStore) }}
}

func (s *testStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	d.Args(&s.Name)
	return nil
}

func (s *testStore) Location() string { return "test:" + s.Name }

func (s *testStore) Open(logger *zap.Logger, settings queue.Settings) (queue.Store, error) {
	v, ok := machines.Load(s.Name)
	if !ok {
		return nil, fmt.Errorf("no machine is called %q", s.Name)
	}
	m := v.(*machine)
	m.opened.Add(1)
	if m.refuse.Load() {
		return nil, syscall.EIO
	}
	store, err := pebble.Open(pebble.Options{
		Dir: "queue", FS: m.disk, Settings: settings, Now: m.now,
		Logger: slog.New(zapslog.NewHandler(logger.Core())),
	})
	if err != nil {
		return nil, err
	}
	m.current.Store(store)
	return &notingStore{Store: store, keys: settings.Keys}, nil
}

// notingStore notes the encryption keys that it was given last.
type notingStore struct {
	*pebble.Store
	mu   sync.Mutex
	keys [][]byte
}

func (s *notingStore) Configure(set queue.Settings) error {
	err := s.Store.Configure(set)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys = set.Keys
	}
	return err
}

// sealedWith returns the first bytes of the keys.
func (s *notingStore) sealedWith() (first []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		first = append(first, k[0])
	}
	return first
}
