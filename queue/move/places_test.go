package move_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
	"github.com/hookwicket/hookwicket/queue/pebble"
	"github.com/hookwicket/hookwicket/queue/pebble/moving"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// place is a store in a test: a folder, or a schema of the database.
type place struct {
	Dir    string
	DSN    string
	Schema string
	Keys   [][]byte
	Now    time.Time
}

var key1, key2 = bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)

func folderPlace(t *testing.T, keys ...[]byte) place {
	return place{Dir: filepath.Join(t.TempDir(), "store"), Keys: keys, Now: start}
}

func schemaPlace(t *testing.T, keys ...[]byte) place {
	return place{DSN: pgtest.DSN(t), Schema: pgtest.Schema(t), Keys: keys, Now: start}
}

// start is the time at which all tests begin. The retention must not be over, nor the dedupe
// windows.
var start = time.Unix(1_800_000_000, 0)

// store is what both stores are.
type store interface {
	queue.Store
	queue.Inspector
	queue.Keeper
	Wake()
}

// open opens a place as a gateway does, with a clock.
func (p place) open(now func() time.Time) (store, error) {
	set := queue.DefaultSettings()
	set.Keys = p.Keys
	if p.Dir != "" {
		s, err := pebble.Open(pebble.Options{Dir: p.Dir, Settings: set, Now: now})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := postgres.Open(postgres.Options{DSN: p.DSN, Schema: p.Schema, Node: "test", Settings: set, Now: now})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (p place) source(ctx context.Context) (move.Source, error) {
	if p.Dir != "" {
		s, err := moving.OpenSource(moving.Options{Dir: p.Dir, Keys: p.Keys, Now: p.Now})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	return postgres.OpenSource(ctx, p.options())
}

func (p place) target(ctx context.Context) (move.Target, error) {
	if p.Dir != "" {
		return moving.NewTarget(moving.Options{Dir: p.Dir, Keys: p.Keys, Now: p.Now})
	}
	return postgres.NewTarget(ctx, p.options())
}

func (p place) options() postgres.Options {
	return postgres.Options{DSN: p.DSN, Schema: p.Schema, Settings: queue.Settings{Keys: p.Keys}, Now: func() time.Time { return p.Now }}
}

// to moves everything. The source is opened with the keys of both, as the command does.
func (p place) to(ctx context.Context, to place) (r move.Report, err error) {
	return p.through(ctx, to, func(t move.Target) move.Target { return t }, func(s move.Source) move.Source { return s })
}

func (p place) through(ctx context.Context, to place, target func(move.Target) move.Target, source func(move.Source) move.Source) (r move.Report, err error) {
	from, err := p.source(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	into, err := to.target(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	return move.Run(ctx, source(from), target(into), nil)
}
