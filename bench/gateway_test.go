package bench

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"strconv"
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
	_ "github.com/caddyserver/caddy/v2/modules/metrics"

	_ "github.com/hookwicket/hookwicket/caddymodule"
)

//go:embed Caddyfile
var gatewayCaddyfile []byte

// sites are those of the Caddyfile, by the names of their ports.
var sites = []string{"respond", "reverse_proxy", "ceiling", "github", "generic", "stripe", "passthrough", "metrics"}

// storeVariable has the store, as in the Caddyfile.
const storeVariable = "BENCH_STORE"

// startGateway runs Caddy with this Caddyfile, before the upstream and with its
// store in the folder, unless the environment names another one.
func startGateway(b *testing.B, folder, upstream, silent string, endpoints int, env ...string) *process {
	b.Helper()
	return start(b, "gateway", append([]string{
		endpointsVariable + "=" + strconv.Itoa(endpoints), "BENCH_SILENT=" + silent,
		"BENCH_FOLDER=" + folder, storeVariable + "=pebble " + storeFolder(folder), "BENCH_UPSTREAM=" + upstream, "BENCH_SECRET=" + secret,
		"XDG_DATA_HOME=" + folder, "XDG_CONFIG_HOME=" + folder}, env...)...)
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
	text := append([]byte(nil), gatewayCaddyfile...)
	if n := int64(setting(endpointsVariable, 0)); n > 0 {
		text = append(text, extraSite(n)...)
	}
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": "Caddyfile"})
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

// extraSite has endpoints whose upstream never answers.
func extraSite(n int64) string {
	var b strings.Builder
	b.WriteString("http://:0 {\n")
	for i := range n {
		name := extraEndpoint(i)
		fmt.Fprintf(&b, "\twebhook_gateway /%s github {\n\t\tname %s\n\t\tsecret {env.BENCH_SECRET}\n\t\tforward {$BENCH_SILENT}\n\t}\n", name, name)
	}
	b.WriteString("}\n")
	return b.String()
}

// freeAddress is one on which nobody listens at the moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
