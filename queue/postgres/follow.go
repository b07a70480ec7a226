package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a node tells the nodes that follow goes through NOTIFY, which keeps nothing. It takes a lock
// of the whole database at its commit, so there are only a few of these commits a second, and
// none while nobody follows.
const (
	maxSpoken   = 64  // texts in one commit
	speechQueue = 256 // texts that wait; the others are dropped
	speechPause = 100 * time.Millisecond
	maxPayload  = 7900 // bytes; PostgreSQL refuses 8000
)

// maxFollowers bounds the connections that listen.
const maxFollowers = 4

var errFollowers = fmt.Errorf("%d readers follow all gateways already", maxFollowers)

var errNoListen = errors.New("following the other gateways needs `listen on` in store postgres")

// channel is where nodes of this schema tell.
func (s *Store) channel() string { return fmt.Sprintf("hookwicket_tell_%d", uint32(s.class)) }

// Followed implements [queue.Clustered].
func (s *Store) Followed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.alive, func(p *peer) bool { return p.follows && p.id != s.node })
}

// Tell implements [queue.Clustered].
func (s *Store) Tell(text []byte) bool {
	if len(text) > maxPayload-20 {
		return false
	}
	select {
	case s.speech <- string(text):
		return true
	default:
		return false
	}
}

// speaks sends what Tell has taken.
func (s *Store) speaks() {
	for {
		var batch []string
		select {
		case <-s.running.Done():
			return
		case text := <-s.speech:
			batch = append(batch, text)
		}
	gather:
		for len(batch) < maxSpoken {
			select {
			case text := <-s.speech:
				batch = append(batch, text)
			default:
				break gather
			}
		}
		s.mu.RLock()
		from := strconv.Itoa(int(s.node)) + " "
		s.mu.RUnlock()
		if s.started.Load() { // what cannot be sent is lost
			_, _ = s.pool.Exec(s.running, "select pg_notify($1, $2 || x) from unnest($3::text[]) x", s.channel(), from, batch)
		}
		select {
		case <-s.running.Done():
			return
		case <-time.After(speechPause):
		}
	}
}

// Follow implements [queue.Clustered].
func (s *Store) Follow(f func(node string, text []byte)) (stop func(), err error) {
	if s.options.NoListen {
		return nil, errNoListen
	}
	if err := s.ready(); err != nil {
		return nil, err
	}
	if s.followers.Add(1) > maxFollowers {
		s.followers.Add(-1)
		return nil, errFollowers
	}
	ctx, cancel := context.WithCancel(s.running)
	pokeIt(s.poke)
	go func() {
		defer s.followers.Add(-1)
		for ctx.Err() == nil {
			_ = s.follow(ctx, f)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
	return cancel, nil
}

// follow calls f with the texts of other nodes until the connection breaks.
func (s *Store) follow(ctx context.Context, f func(node string, text []byte)) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	own := conn.Hijack() // a connection that listens is not given back
	defer own.Close(context.Background())
	if _, err := own.Exec(ctx, "listen "+s.channel()); err != nil {
		return err
	}
	for {
		n, err := own.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		id, text, _ := strings.Cut(n.Payload, " ")
		node, err := strconv.ParseInt(id, 10, 32)
		s.mu.RLock()
		this := int32(node) == s.node
		s.mu.RUnlock()
		if err == nil && !this {
			f(s.nameOf(int32(node)), []byte(text))
		}
	}
}
