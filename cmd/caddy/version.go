package main

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// version is the gateway's version, such as v1.2.3, set by the linker with
// -X main.version=v1.2.3. Releases set it. If it is empty, Go's build information
// has the version: that of `go install`, or of the commit.
var version string

// gatewayVersion returns the version of the gateway, or "devel" if it was built
// without one.
func gatewayVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

const (
	installDocs = "https://github.com/hookwicket/hookwicket/blob/main/docs/install.md"
	modulePath  = "github.com/hookwicket/hookwicket"
)

// noDownload returns an error for the commands of Caddy that replace the binary by one
// of Caddy's download page, and says what to do instead. Caddy looks for each
// module among the dependencies of the binary. Here the gateway is the main module, so
// Caddy would dereference a nil pointer.
func noDownload(args []string) error {
	if len(args) == 0 || slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		return nil
	}
	switch args[0] {
	case "upgrade":
		return fmt.Errorf("upgrade cannot replace this binary: Caddy's download page does not have hookwicket %s. "+
			"Install a newer release in the way that this one was installed: %s#upgrading", gatewayVersion(), installDocs)
	case "add-package", "remove-package":
		return fmt.Errorf("%s cannot replace this binary: Caddy's download page does not have hookwicket %s. "+
			"Build one that has the plugins that you want: `%s`. See %s#plugins", args[0], gatewayVersion(), withPlugins(args), installDocs)
	}
	return nil
}

// withPlugins returns the command that builds the gateway with the plugins of the
// command `add-package PLUGIN...`.
func withPlugins(args []string) string {
	build := "xcaddy build --with " + modulePath
	for _, plugin := range args[1:] {
		if args[0] == "add-package" && !strings.HasPrefix(plugin, "-") {
			build += " --with " + plugin
		}
	}
	return build
}
