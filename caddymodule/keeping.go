package caddymodule

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// settleKeeping settles how the store keeps what it is given, and what is told of it.
func (a *App) settleKeeping() error {
	a.settings = StoreSettings{MaxBacklog: a.MaxBacklog, MaxRetained: defaultMaxRetained, Retention: a.retention()}
	if r := a.Retention; r != nil {
		if r.Age != nil && *r.Age < 0 || r.Size < 0 {
			return errors.New("retention is a positive duration, such as `retention 24h`, or `off`; its size is positive, too")
		}
		a.settings.MaxRetained = cmp.Or(r.Size, a.settings.MaxRetained)
	}
	if a.settings.Retention == 0 {
		a.settings.Retention = -1
	}
	if err := a.Redact.check(); err != nil {
		return err
	}
	for i, text := range a.Encrypt {
		key, err := encryptionKey(text)
		if err != nil {
			return fmt.Errorf("encrypt: key %d of %d: %w", i+1, len(a.Encrypt), err)
		}
		a.settings.Keys = append(a.settings.Keys, key)
	}
	return a.settleEvents()
}

// retention is how long what has ended is kept where an endpoint does not say.
func (a *App) retention() time.Duration {
	if a.Retention != nil && a.Retention.Age != nil {
		return time.Duration(*a.Retention.Age)
	}
	return queue.DefaultRetention
}

// keySize is AES-256's.
const keySize = 32

// encryptionKey reads a key in base64 or hex. Its errors never show it.
func encryptionKey(text string) ([]byte, error) {
	const hint = "it has to be 32 bytes in base64 or hex, such as `openssl rand -base64 32` prints"
	s, err := resolve(text)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, hint)
	}
	s = strings.TrimSpace(s)
	if key, err := hex.DecodeString(s); err == nil && len(key) == keySize {
		return key, nil
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	key, err := base64.RawStdEncoding.DecodeString(plain)
	switch {
	case err != nil:
		return nil, errors.New("it is neither base64 nor hex; " + hint)
	case len(key) != keySize:
		return nil, fmt.Errorf("it has %d bytes; %s", len(key), hint)
	}
	return key, nil
}

// settleEvents finds out which events Caddy is told of.
func (a *App) settleEvents() error {
	names := a.Events
	if len(names) == 0 {
		names = eventNames[1:]
	}
	a.events = make(map[string]bool)
	for _, name := range names {
		switch {
		case slices.Contains(eventNames, name):
			a.events[name] = true
		case name != "all" && name != "none":
			return fmt.Errorf("events: there is no event %q%s; there are %s", name, didYouMean(name, eventNames), enumerate(eventNames))
		case len(names) > 1:
			return fmt.Errorf("events: %s stands alone", name)
		case name == "all":
			for _, n := range eventNames {
				a.events[n] = true
			}
		}
	}
	return nil
}
