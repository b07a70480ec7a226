// Package hookwicket plugs the webhook gateway into Caddy:
//
//	xcaddy build --with github.com/hookwicket/hookwicket
//
// It holds no code of its own. The modules are in package caddymodule; package
// verifiers, which knows how each provider signs, and package queue, which
// keeps what was accepted, do not depend on Caddy and can be used without it.
package hookwicket

import _ "github.com/hookwicket/hookwicket/caddymodule"
