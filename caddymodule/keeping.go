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

// settleKeeping checks the lines about the store's content, encryption and events.
func (a *App) settleKeeping() error {
	a.settings = queue.DefaultSettings()
	a.settings.MaxBacklog, a.settings.Retention = a.MaxBacklog, a.retention()
	if r := a.Retention; r != nil {
		if r.Age != nil && *r.Age < 0 || r.Size < 0 {
			return errors.New("retention is a positive duration, such as `retention 24h`, or `off`; its size is positive, too")
		}
		a.settings.MaxRetained = cmp.Or(r.Size, a.settings.MaxRetained)
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

// retention returns how long ended events are kept if their endpoint has no retention of
// its own.
func (a *App) retention() time.Duration {
	if a.Retention != nil && a.Retention.Age != nil {
		return time.Duration(*a.Retention.Age)
	}
	return queue.DefaultSettings().Retention
}

// keySize is the size of an AES-256 key in bytes.
const keySize = 32

// encryptionKey reads a key in base64 or hex. Its errors never contain the key.
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

// checkEvents checks the names of events.
func (a *App) checkEvents() error {
	for _, name := range a.Events {
		switch {
		case slices.Contains(eventNames, name):
		case name != "all" && name != "none":
			return fmt.Errorf("events: there is no event %q%s; there are %s", name, didYouMean(name, eventNames), enumerate(eventNames))
		case len(a.Events) > 1:
			return fmt.Errorf("events: %s stands alone", name)
		}
	}
	return nil
}

// settleEvents decides which events go to Caddy's events app.
func (a *App) settleEvents() error {
	if err := a.checkEvents(); err != nil {
		return err
	}
	names := a.Events
	switch {
	case len(names) == 0:
		names = eventNames[1:]
	case names[0] == "all":
		names = eventNames
	case names[0] == "none":
		names = nil
	}
	a.events = make(map[string]bool)
	for _, name := range names {
		a.events[name] = true
	}
	return nil
}
