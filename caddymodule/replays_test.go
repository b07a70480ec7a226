package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// variant is a captured request of which one part was changed.
type variant struct {
	name string
	*verifiers.Request
}

// placesOf finds the names of one kind, such as header, that a scheme's templates read.
func placesOf(scheme verifiers.Scheme, kind string) (names []string) {
	for _, found := range regexp.MustCompile(`\{`+kind+`:([^}|]+)`).FindAllStringSubmatch(fmt.Sprintf("%#v", scheme), -1) {
		names = append(names, found[1])
	}
	return names
}

// variants changes each header and each parameter of a captured request, as anyone can
// without the secret.
func variants(row verifiers.Provider, r *verifiers.Request) (all []variant) {
	add := func(name string, change func(h http.Header, q url.Values)) {
		u, err := url.Parse(r.URL)
		if err != nil {
			panic(err)
		}
		h, q := r.Header.Clone(), u.Query()
		change(h, q)
		changed := *r
		changed.Header = h
		if before := u.Query().Encode(); q.Encode() != before {
			u.RawQuery = q.Encode()
			changed.URL = u.String()
		}
		all = append(all, variant{name, &changed})
	}
	each := func(kind, name string, of func(h http.Header, q url.Values) map[string][]string) {
		change := func(how string, f func(values []string) []string) {
			add(kind+" "+name+" "+how, func(h http.Header, q url.Values) {
				m := of(h, q)
				if values := f(m[name]); values == nil {
					delete(m, name)
				} else {
					m[name] = values
				}
			})
		}
		change("dropped", func([]string) []string { return nil })
		change("empty", func([]string) []string { return []string{""} })
		change("fresh", func([]string) []string { return []string{"fresh-1"} })
		change("doubled", func(v []string) []string { return append(append([]string{}, v...), v...) })
		change("followed by another", func(v []string) []string { return append(append([]string{}, v...), "fresh-2") })
		change("behind another", func(v []string) []string { return append([]string{"fresh-3"}, v...) })
		change("long", func([]string) []string { return []string{strings.Repeat("x", 1025)} })
		change("other letters", func(v []string) []string {
			if len(v) == 0 {
				return nil
			}
			return []string{strings.ToUpper(v[0])}
		})
		change("padded", func(v []string) []string {
			if len(v) == 0 {
				return nil
			}
			return []string{" " + v[0] + " "}
		})
	}
	headers := make(map[string]bool)
	for name := range r.Header {
		headers[name] = true
	}
	for _, name := range append(placesOf(row.Scheme, "header"), row.AttemptID) {
		if name != "" {
			headers[http.CanonicalHeaderKey(name)] = true
		}
	}
	for name := range headers {
		each("header", name, func(h http.Header, _ url.Values) map[string][]string { return h })
	}
	parameters := make(map[string]bool)
	if u, err := url.Parse(r.URL); err == nil {
		for name := range u.Query() {
			parameters[name] = true
		}
	}
	for _, name := range placesOf(row.Scheme, "query") {
		parameters[name] = true
	}
	for name := range parameters {
		each("parameter", name, func(_ http.Header, q url.Values) map[string][]string { return q })
	}
	return all
}

// TestReplaysRefused: where replays are refused, no change outside the signature makes
// a new event of a captured request, whichever came first.
func TestReplaysRefused(t *testing.T) {
	store, err := pebble.Open(pebble.Options{Dir: t.TempDir(), Settings: queue.DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	ctx, now := context.Background(), time.Now()
	var accepted atomic.Int64
	var rows sync.WaitGroup
	defer rows.Wait()
	for _, row := range providers.All() {
		if _, ok := row.Scheme.(verifiers.Signer); !ok {
			continue
		}
		var sign *signing
		var v verifiers.Verifier
		var failures []error
		for _, c := range credentials() {
			s, p, err := signerFor(row, "https://hooks.example.com/"+row.Name, c)
			if err == nil {
				sign, v = s, p
				break
			}
			failures = append(failures, err)
		}
		if sign == nil {
			t.Errorf("%s: no credential suits it: %v", row.Name, errors.Join(failures...))
			continue
		}
		r, err := sign.request(now)
		if err != nil {
			t.Fatalf("%s: %v", row.Name, err)
		}
		// Passing tells whether the second request is accepted as a new event after the
		// first. Requests that the provider's scheme refuses do not count.
		passes := func(name string, first, second *verifiers.Request) bool {
			one, err := v.Verify(ctx, first)
			other, err2 := v.Verify(ctx, second)
			if err != nil || err2 != nil {
				return false
			}
			accepted.Add(1)
			h := &Handler{Name: name, row: row, Dedupe: &Dedupe{Replays: "refuse"}, logger: zap.NewNop()}
			if err := h.settleDedupe(); err != nil {
				t.Error(row.Name, err)
			}
			_, reserved, err := store.Reserve(ctx, h.identify(one), now)
			if err != nil {
				t.Fatal(err)
			}
			if err := reserved.Take(ctx); err != nil {
				t.Error(err)
			}
			id := h.identify(other)
			verdict, err := store.Seen(ctx, id, now)
			if err != nil {
				t.Error(err)
			}
			return id.GoesOn(verdict)
		}
		rows.Go(func() {
			for i, changed := range variants(row, r) {
				if passes(fmt.Sprint(row.Name, i, "a"), r, changed.Request) {
					t.Errorf("%s: %s passes as a new event", row.Name, changed.name)
				}
				if passes(fmt.Sprint(row.Name, i, "b"), changed.Request, r) {
					t.Errorf("%s: after one with %s, the request itself passes as a new event", row.Name, changed.name)
				}
			}
		})
	}
	rows.Wait()
	if n := accepted.Load(); n < 1000 {
		t.Errorf("only %d changed requests were accepted", n)
	}
}

// TestReplaysRemembered: where replays are refused there is a memory, also for rows
// that otherwise have none. With `dedupe off` a warning says that nothing is refused.
func TestReplaysRemembered(t *testing.T) {
	for _, row := range providers.All() {
		core, logs := observer.New(zap.WarnLevel)
		h := &Handler{Name: row.Name, row: row, Dedupe: &Dedupe{Replays: "refuse"}, logger: zap.New(core)}
		if err := h.settleDedupe(); err != nil || h.window <= 0 {
			t.Errorf("%s: %v, window %s", row.Name, err, h.window)
		}
		h.Dedupe.Off = true
		if err := h.settleDedupe(); err != nil || logs.FilterMessageSnippet("dedupe off").Len() != 1 {
			t.Errorf("%s: %v, and %d warnings", row.Name, err, logs.Len())
		}
	}
}
