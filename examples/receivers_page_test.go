package examples

import (
	"cmp"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const receiversPage = "../docs/receivers.md"

// codeOf returns the code under a heading of docs/receivers.md.
func codeOf(t *testing.T, heading, language string) string {
	t.Helper()
	page, err := os.ReadFile(receiversPage)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "\n## "+heading+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	_, code, _ := strings.Cut(rest, "```"+language+"\n")
	code, _, found := strings.Cut(code, "```\n")
	if !found {
		t.Fatalf("%s has no %s under %s", receiversPage, language, heading)
	}
	return code
}

// announce is a module that prints the address of the first server that listens.
const announce = `import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...all) {
  this.once("listening", () => console.log("listening on 127.0.0.1:" + this.address().port));
  return listen.apply(this, all);
};
`

// serveRoute serves the route of Next.js, which is a function of a Request, as Next.js does.
const serveRoute = `
import { createServer } from "node:http";
createServer(async (req, res) => {
  const body = [];
  for await (const part of req) body.push(part);
  const answer = await POST(new Request("http://app" + req.url, { method: req.method, headers: req.headers, body: Buffer.concat(body) }));
  res.writeHead(answer.status).end(await answer.text());
}).listen(8080);
`

// TestReceiversPage runs the receivers of docs/receivers.md behind a gateway. The one in Go
// is run by oracles, whose module has its library.
func TestReceiversPage(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	if _, err := os.Stat("node/node_modules/fastify"); err != nil {
		t.Skip("fastify is not installed: npm ci --prefix examples/node")
	}
	modules, err := filepath.Abs("node/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	const secret = "whsec_dGhlIHNlY3JldCBvZiB0aGUgYXBw"
	t.Setenv("WEBHOOK_SECRET", secret)
	t.Setenv("STRIPE_WEBHOOK_SECRET", genericSecret)
	for heading, besides := range map[string]string{"Express": "", "Fastify": "", "Hono": "", "Next.js": serveRoute} {
		t.Run(heading, func(t *testing.T) {
			dir := t.TempDir()
			code := strings.Replace(codeOf(t, heading, "js")+besides, "8080", "0", 1)
			for name, text := range map[string]string{"announce.mjs": announce, "receiver.mjs": code, "Caddyfile": pageCaddyfile(t)} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("node", "--import", "./announce.mjs", "receiver.mjs")
			cmd.Dir = dir
			receiver := run(t, cmd)
			gateway := start(t, dir, receiver.addr)

			event := events("1")[1]
			event.system = "stripe"
			event.wantAccepted(t, gateway.addr)
			if line := receiver.line(t); !regexp.MustCompile(`^[0-9A-Za-z_-]{10,} order\.paid$`).MatchString(line) {
				t.Errorf("the receiver printed %q", line)
			}
			if status, _ := event.send(t, receiver.addr); status != http.StatusUnauthorized {
				t.Errorf("without the gateway's signature: %d", status)
			}
			gateway.stop(t)
		})
	}
}

// pageCaddyfile is the Caddyfile of the page, for a sender and places of the test.
func pageCaddyfile(t *testing.T) string {
	page, err := os.ReadFile(receiversPage)
	if err != nil {
		t.Fatal(err)
	}
	site := caddyfileBlock.FindSubmatch(page)
	if site == nil {
		t.Fatal("the page has no Caddyfile")
	}
	return "{\n\twebhook_gateway {\n\t\tstore pebble {$HOOKWICKET_STORE}\n\t}\n}\n" + strings.NewReplacer(
		"hooks.example.com", ":{$GATEWAY_PORT}", "/stripe stripe", "/stripe generic", "app:8080", "{$RECEIVER}").Replace(string(site[1]))
}

// TestReceiversParse lets Python read the programs whose library is not at hand.
func TestReceiversParse(t *testing.T) {
	python := cmp.Or(os.Getenv("PYTHON"), "python3")
	if _, err := exec.LookPath(python); err != nil {
		t.Skip("python is not installed")
	}
	for _, heading := range []string{"Flask", "Django", "FastAPI"} {
		cmd := exec.Command(python, "-c", "import ast, sys; ast.parse(sys.stdin.read())")
		cmd.Stdin = strings.NewReader(codeOf(t, heading, "python"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", heading, err, out)
		}
	}
}
