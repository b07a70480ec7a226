package caddymodule

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/tracing"
)

// TestProvisionStartsNothing: `caddy validate` provisions a configuration beside a
// working gateway, so no module of this package may start a goroutine there. Every
// module type that has a Provision must be in one of the configurations.
func TestProvisionStartsNothing(t *testing.T) {
	t.Setenv("HOOKWICKET_TEST_SECRET", "s3cret")
	t.Setenv("HOOKWICKET_TEST_KEY", strings.Repeat("0f", 32))
	t.Setenv("HOOKWICKET_TEST_KEY_OLD", strings.Repeat("_", 42)+"8=")
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no configurations: %v", err)
	}
	configs := map[string][]byte{"alert": adapted(t, "{\n events {\n on dead_letter webhook_gateway_alert https://chat.example/hook\n }\n}\n"+
		":80 {\n webhook_gateway stripe {\n secret whsec_c2VjcmV0\n forward localhost:9000\n }\n}"),
		"tracing": []byte(`{"apps": {"http": {"servers": {"a": {"routes": [{"handle": [{"handler": "webhook_gateway_tracing", "of": {"handler": "tracing"}}]}]}}}}}`)}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		caddyfile, _, _ := strings.Cut(string(b), separator)
		configs[filepath.Base(file)] = adapted(t, caddyfile)
	}
	missing := ownProvisioners()
	if len(missing) == 0 {
		t.Fatal("no module of this package is registered")
	}
	caddys := startedBy(t, nil, adapted(t, "{\n events {\n }\n}\n:80 {\n tracing\n reverse_proxy localhost:9000\n}"))
	for name, config := range configs {
		for creator, stack := range startedBy(t, caddys, config) {
			if caddys[creator] == "" {
				t.Errorf("%s: a goroutine was started by %s:\n%s", name, creator, stack)
			}
		}
		for kind, ids := range missing {
			for _, id := range ids {
				if bytes.Contains(config, []byte(`"`+caddy.ModuleID(id).Name()+`"`)) {
					delete(missing, kind)
				}
			}
		}
	}
	for kind, ids := range missing {
		t.Errorf("no configuration has a %s, such as %s", kind, ids[0])
	}
}

func adapted(t *testing.T, caddyfile string) []byte {
	t.Helper()
	config, err := adapt(caddyfile)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// ownProvisioners returns the types of this package's modules that have a
// Provision, with the IDs of their modules.
func ownProvisioners() map[string][]string {
	all := make(map[string][]string)
	for _, id := range caddy.Modules() {
		info, err := caddy.GetModule(id)
		if err != nil {
			continue
		}
		m := info.New()
		kind := reflect.TypeOf(m)
		if kind.Kind() != reflect.Pointer {
			continue
		}
		if _, provisions := m.(caddy.Provisioner); provisions && kind.Elem().PkgPath() == reflect.TypeFor[App]().PkgPath() {
			all[kind.Elem().Name()] = append(all[kind.Elem().Name()], id)
		}
	}
	return all
}

// startedBy provisions a configuration and returns the functions that started
// goroutines meanwhile, each with a goroutine's stack.
func startedBy(t *testing.T, known map[string]string, config []byte) map[string]string {
	t.Helper()
	cfg := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(config, cfg); err != nil {
		t.Fatal(err)
	}
	apps := cfg.AppsRaw
	cfg.AppsRaw = nil
	frame, err := caddy.ProvisionContext(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.AppsRaw = apps
	ctx, cleanup := caddy.NewContext(frame)
	defer cleanup()
	before := goroutines()
	for app := range apps {
		if _, err := ctx.App(app); err != nil {
			t.Fatal(err)
		}
	}
	return lasting(before, known)
}

// lasting returns the goroutines that are new and go on, by their creators. Others, such
// as a timer's, or one with which a registry collects, end soon. It does not wait for
// those of known creators.
func lasting(before, known map[string]string) map[string]string {
	for deadline := time.Now().Add(time.Second); ; runtime.Gosched() {
		started, strange := make(map[string]string), false
		for id, stack := range goroutines() {
			if before[id] == "" {
				creator := creatorOf(stack)
				started[creator] = stack
				strange = strange || known[creator] == ""
			}
		}
		if !strange || time.Now().After(deadline) {
			return started
		}
	}
}

var (
	goroutineID = regexp.MustCompile(`^goroutine (\d+) `)
	createdBy   = regexp.MustCompile(`created by (\S+)`)
)

// goroutines returns the stacks of all goroutines by their IDs.
func goroutines() map[string]string {
	buf := make([]byte, 4<<20)
	all := make(map[string]string)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if id := goroutineID.FindStringSubmatch(stack); id != nil {
			all[id[1]] = stack
		}
	}
	return all
}

func creatorOf(stack string) string {
	if by := createdBy.FindStringSubmatch(stack); by != nil {
		return by[1]
	}
	return "nobody"
}
