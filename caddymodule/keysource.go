package caddymodule

import (
	"context"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/keysource"
)

// keySources is where providers' keys are fetched from: one source for all
// endpoints of the process, and one for configurations that allow private
// addresses. What was fetched lives through reloads; nothing is fetched before a
// request needs it.
var keySources = struct{ public, private func() verifiers.KeySource }{
	public:  newKeySource(keysource.Options{}),
	private: newKeySource(keysource.Options{AllowPrivate: true}),
}

func newKeySource(o keysource.Options) func() verifiers.KeySource {
	return sync.OnceValue(func() verifiers.KeySource { return keysource.New(o) })
}

// keySource returns the source of this configuration.
func (a *App) keySource() verifiers.KeySource {
	if a != nil && a.PrivateKeys {
		return keySources.private()
	}
	return keySources.public()
}

// appOf returns the app of a configuration, or nil where there is none, as for
// the commands.
func appOf(ctx caddy.Context) (*App, error) {
	if ctx.Context == nil {
		return nil, nil
	}
	app, err := ctx.App("webhook_gateway")
	if err != nil {
		return nil, err
	}
	return app.(*App), nil
}

// callOut calls the URL of a handshake's confirmation, held to the same rules as
// a key's: https, pinned, no redirects, bounded in time and size, and not again
// for a request that is repeated soon after.
func (a *App) callOut(ctx context.Context, reply verifiers.HandshakeReply) error {
	_, err := a.keySource().Fetch(ctx, verifiers.KeyRequest{URL: reply.Confirm, Pin: reply.Pin})
	return err
}
