// Package keysource fetches the keys of providers that publish them, over https and
// with care. Start with [New].
//
// A request can choose the place of a key only through a URL that the provider's row
// pins. Nothing is fetched over plain http, from a URL with credentials in it, after a
// redirect, or, unless that is allowed, from a private address. Documents are kept, and
// the last good one serves while a provider cannot be reached.
//
// A flood of requests does not become a flood of fetches. Unknown keys cause at most
// one fetch of a document a minute. Names that requests invent cause at most 20 fetches
// of a source (a host, or the pins of a row) at once, and 20 a minute. Further ones
// fail at once and cost no memory. Known documents are refreshed meanwhile.
package keysource

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// Source is a [verifiers.KeySource] over https. Make one with [New], for the
// whole gateway.
type Source struct {
	timeout time.Duration
	now     func() time.Time
	client  *http.Client
	flights chan struct{}
	ctx     context.Context
	stop    context.CancelFunc
	pins    sync.Map // compiled, by their text; they are the rows', so there are few

	mu        sync.Mutex
	documents map[[sha256.Size]byte]*document
	bytes     int // of the documents' bodies
	budgets   map[origin]*budget
	version   uint64
	uses      uint64
}

var _ verifiers.KeySource = (*Source)(nil)

// The limits that are not options.
const (
	maxDocument  = 1 << 20 // bytes
	maxDocuments = 1000
	maxBytes     = 16 << 20 // of all documents together
	maxFlights   = 32       // fetches at a time

	// How long an answer is kept: usual is that of one without a Cache-Control.
	shortest = 5 * time.Minute
	usual    = time.Hour
	longest  = 24 * time.Hour
	stale    = 7 * 24 * time.Hour // how long the last good answer serves while there is no other

	askAgain   = time.Minute      // from one fetch because of an unknown key to the next
	firstRetry = 10 * time.Second // after a failure, then twice as long each time
	lastRetry  = time.Minute
)

// DefaultTimeout is the time that one fetch may take.
const DefaultTimeout = 5 * time.Second

// Options configure a source. The zero value suits most gateways.
type Options struct {
	// Timeout is how long one fetch may take in all. Default: [DefaultTimeout].
	Timeout time.Duration

	// AllowPrivate allows fetching keys from private and loopback addresses, for
	// senders on the same network. Otherwise a name that resolves to one is refused,
	// because its owner could make the gateway call its neighbours.
	AllowPrivate bool

	// RootCAs are the certificate authorities that are trusted. Default: the
	// system's.
	RootCAs *x509.CertPool

	// Transport makes the requests. Default: one with the limits above. A transport of
	// your own has to refuse private addresses and unknown authorities by itself.
	Transport http.RoundTripper

	// Now is the clock by which answers age. Default: the system's.
	Now func() time.Time
}

// New makes a source. It starts nothing until something is fetched.
func New(o Options) *Source {
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	s := &Source{
		timeout:   o.Timeout,
		now:       o.Now,
		client:    client(o),
		flights:   make(chan struct{}, maxFlights),
		documents: map[[sha256.Size]byte]*document{},
		budgets:   map[origin]*budget{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Close ends all fetches. The source answers nothing any more.
func (s *Source) Close() error {
	s.stop()
	s.client.CloseIdleConnections()
	return nil
}

// document is one that was asked for. Its fields are guarded by the source's
// mutex.
type document struct {
	body     []byte // nil: there was no good answer yet
	version  uint64
	fetched  time.Time // when the last good answer came
	refresh  time.Time // when a newer one is fetched in the background
	expires  time.Time
	retry    time.Time // not before this time after a failure
	failures int       // since the last good answer
	err      error     // of the last fetch
	used     uint64    // orders documents by their last use
	flight   chan struct{}
}

// Fetch returns a document, from memory if it is fresh. All callers that ask for one at
// the same time wait for the same fetch, which goes on when one of them leaves.
func (s *Source) Fetch(ctx context.Context, r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
	host, err := s.check(r)
	if err != nil {
		return verifiers.KeyDocument{}, fmt.Errorf("%w: %w", verifiers.UnavailableKey, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, key := s.find(r)
	if d == nil {
		if !s.afford(r, host, false) {
			return verifiers.KeyDocument{}, unavailable(host, errBusy)
		}
		d = s.add(key)
		s.start(d, r)
	}
	now := s.now()
	fresh := d.body != nil && now.Before(d.expires)
	known := r.After == 0 || d.version > r.After // there is no need for a newer one
	switch {
	case d.flight != nil && fresh && known:
		return d.answer(), nil
	case d.flight != nil:
	case fresh && known && (now.Before(d.refresh) || now.Before(d.retry)):
		return d.answer(), nil
	case fresh && known:
		s.start(d, r)
		return d.answer(), nil
	case now.Before(d.retry):
		return s.fallback(d, host, known)
	case fresh && now.Sub(d.fetched) < askAgain:
		return d.answer(), nil
	case (d.body == nil || !known) && !s.afford(r, host, d.body != nil):
		return verifiers.KeyDocument{}, unavailable(host, errBusy)
	default:
		s.start(d, r)
	}
	flight := d.flight
	s.mu.Unlock()
	select {
	case <-flight:
		err = nil
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	switch {
	case err != nil:
		return verifiers.KeyDocument{}, unavailable(host, err)
	case d.err != nil:
		return s.fallback(d, host, known)
	}
	return d.answer(), nil
}

// fallback returns the last good document while the provider cannot be reached, unless
// the document is known not to have the key.
func (s *Source) fallback(d *document, host string, known bool) (verifiers.KeyDocument, error) {
	if known && d.body != nil && s.now().Before(d.fetched.Add(stale)) {
		return d.answer(), nil
	}
	return verifiers.KeyDocument{}, unavailable(host, d.err)
}

func unavailable(host string, err error) error {
	return fmt.Errorf("%w: fetching keys from %s: %w", verifiers.UnavailableKey, host, err)
}

func (d *document) answer() verifiers.KeyDocument {
	return verifiers.KeyDocument{Body: d.body, Version: d.version}
}

// find returns a known document, or nil.
func (s *Source) find(r verifiers.KeyRequest) (*document, [sha256.Size]byte) {
	key := keyOf(r)
	d := s.documents[key]
	if d != nil {
		s.uses++
		d.used = s.uses
	}
	return d, key
}

// add makes room for a new document.
func (s *Source) add(key [sha256.Size]byte) *document {
	if len(s.documents) >= maxDocuments {
		s.evict(nil)
	}
	s.uses++
	d := &document{used: s.uses}
	s.documents[key] = d
	return d
}

// evict forgets the least recently used document: one that never came, if there is any,
// so that a flood of invented URLs drives no good one out. It spares keep and returns
// false if nothing can be forgotten.
func (s *Source) evict(keep *document) bool {
	var oldest [sha256.Size]byte
	var found *document
	for key, d := range s.documents {
		switch {
		case d.flight != nil || d == keep:
			continue
		case found == nil, d.body == nil && found.body != nil:
		case d.body != nil && found.body == nil, d.used > found.used:
			continue
		}
		oldest, found = key, d
	}
	if found == nil {
		return false
	}
	s.bytes -= len(found.body)
	delete(s.documents, oldest)
	return true
}

// keyOf identifies a document. It is a hash, since headers and bodies may hold secrets.
func keyOf(r verifiers.KeyRequest) (key [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", r.Method, r.URL, r.Body)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(h, " %q %q", name, r.Header[name])
	}
	h.Sum(key[:0])
	return key
}

// start fetches a document in the background.
func (s *Source) start(d *document, r verifiers.KeyRequest) {
	flight := make(chan struct{})
	d.flight = flight
	go func() {
		body, keep, err := s.fetch(r)
		s.mu.Lock()
		defer s.mu.Unlock()
		defer close(flight)
		d.flight, d.err = nil, err
		now := s.now()
		if err != nil {
			d.failures++
			d.retry = now.Add(min(firstRetry<<min(d.failures-1, 10), lastRetry))
			return
		}
		d.failures, d.retry, d.fetched = 0, time.Time{}, now
		d.expires, d.refresh = now.Add(keep), now.Add(keep-keep/10)
		if d.body == nil || !bytes.Equal(d.body, body) {
			s.version++
			s.bytes += len(body) - len(d.body)
			d.body, d.version = body, s.version
			for s.bytes > maxBytes && s.evict(d) {
			}
		}
	}()
}

// fetch asks the provider, and returns how long the answer may be kept.
func (s *Source) fetch(r verifiers.KeyRequest) (body []byte, keep time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a fault in the key source: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	select {
	case s.flights <- struct{}{}:
		defer func() { <-s.flights }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	req, err := http.NewRequestWithContext(ctx, cmp.Or(r.Method, http.MethodGet), r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, 0, withoutURL(err)
	}
	if req.Header = r.Header.Clone(); req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("User-Agent", "Hookwicket")
	if r.Credential != "" {
		req.Header.Set("Authorization", r.Credential)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, 0, withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("status %d", resp.StatusCode)
	}
	if body, err = io.ReadAll(io.LimitReader(resp.Body, maxDocument+1)); err != nil {
		return nil, 0, err
	}
	if len(body) > maxDocument {
		return nil, 0, fmt.Errorf("more than %d bytes", maxDocument)
	}
	if r.Valid != nil {
		if err := r.Valid(body); err != nil {
			return nil, 0, err
		}
	}
	return body, cmp.Or(r.TTL, maxAge(resp.Header)), nil
}
