// Command caddy is Caddy with its standard modules and the webhook gateway.
package main

import (
	"fmt"
	"os"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/hookwicket/hookwicket"
)

func main() {
	// Caddy's own version follows, in `caddy version` and `caddy --version`. What Caddy
	// sends as its version, such as in User-Agent, stays as it is.
	caddy.CustomVersion = "hookwicket " + gatewayVersion() + ", Caddy"
	if err := noDownload(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(caddy.ExitCodeFailedStartup)
	}
	caddycmd.Main()
}
