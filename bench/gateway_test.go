package bench

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"

	_ "github.com/hookwicket/hookwicket/caddymodule"
)

//go:embed Caddyfile
var caddyfile []byte

// sites are those of the Caddyfile, by the names of their ports.
var sites = []string{"respond", "reverse_proxy", "github", "generic", "stripe", "passthrough"}

// startGateway runs Caddy with this Caddyfile, before the upstream and with its
// store in the folder.
func startGateway(b *testing.B, folder, upstream string) *process {
	b.Helper()
	return start(b, "gateway",
		"BENCH_FOLDER="+folder, "BENCH_UPSTREAM="+upstream, "BENCH_SECRET="+secret,
		"XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
}

func gatewayMain() error {
	addresses := make(map[string]string)
	for _, site := range sites {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		_, port, _ := net.SplitHostPort(address)
		os.Setenv("PORT_"+strings.ToUpper(site), port)
		addresses[site] = address
	}
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(caddyfile, map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, w)
	}
	if err := caddy.Load(config, true); err != nil {
		return err
	}
	return handOver(addresses)
}

// freeAddress is one on which nobody listens at the moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
