package caddymodule

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy/forwardauth"
)

// rawly sends a request whose path no client has cleaned or escaped.
func (g *gateway) rawly(method, path string, header ...string) reply {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n%s\r\n{}",
		method, path, g.addr, strings.Join(append(header, ""), "\r\n"))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		g.t.Fatalf("%s %q: %v", method, path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatalf("%s %q: %v", method, path, err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

// TestInspectorPaths: a site lets the paths of listeners pass without a login. No way of
// writing a path gets the page that way, although the client names itself in the header that
// the login would set.
func TestInspectorPaths(t *testing.T) {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "session=alice" {
			http.Error(w, "sign in", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Remote-User", "alice")
	}))
	t.Cleanup(login.Close)
	up := newUpstream(t)
	site := by("github").directive("forward "+up.addr) + by("stripe").directive("forward "+up.addr) +
		"@people not path /hooks/listen/*\nforward_auth @people " + strings.TrimPrefix(login.URL, "http://") + " {\nuri /auth\ncopy_headers Remote-User\n}\n" +
		"webhook_gateway_inspector /hooks/* {\nby {http.request.header.Remote-User}\n%s\n}\n"
	for name, lines := range map[string]string{"with tokens": "listen {\ntoken alice " + aliceToken + "\n}", "without tokens": ""} {
		t.Run(name, func(t *testing.T) {
			g := start(t, setup{site: fmt.Sprintf(site, lines)})

			// The login works, and lets the page's own calls pass.
			for path, want := range map[string]int{"/hooks/api/endpoints/stripe": 200, "/hooks/api/endpoints/%73tripe": 200, "/hooks/": 200, "/hooks/api/endpoints/..%2f..%2flisten%2fx": 400} {
				if a := g.rawly("GET", path, "Cookie: session=alice"); a.status != want {
					t.Errorf("signed in, %s: %v, want %d", path, a, want)
				}
			}

			const evil = "Remote-User: evil"
			heads := []string{"/hooks", "/HOOKS", "/hook%73", "/hoo\u212as", "//hooks", "/./hooks", "/x/../hooks", "/%2e/hooks"}
			ups := []string{"..", "%2e%2e", "%2E.", ".%2e", "..%20", "..;", "..%00", "..%5c", "%252e%252e"}
			slashes := []string{"/", "//", "%2f", "%2F", "%5c", "%5C", "%252f", "/./", "/;/", "/%00/", "\\"}
			listens := []string{"listen", "LISTEN", "%6cisten", "l\u0130sten", "listen;", "listen.", "listen%20"}
			var paths []string
			for _, head := range heads {
				for _, listen := range listens {
					paths = append(paths, head+"/"+listen+"/about", head+"/"+listen+"/api/status", head+"//"+listen+"/x")
				}
				for _, up := range ups {
					for _, slash := range slashes {
						climb := up + slash + up + slash
						paths = append(paths,
							head+"/api/endpoints/"+climb+"listen"+slash+"x",
							head+"/api/endpoints/"+climb+"listen"+slash+"x/test",
							head+"/api/messages/"+up+slash+climb+"hooks"+slash+"listen"+slash+"x/body",
							head+"/listen/"+up+slash+"api/status", head+"/listen"+slash+up+slash+"api/endpoints",
							head+"/listen"+slash+up+slash, head+"/api"+slash+"status"+slash+climb+"listen"+slash+"x",
						)
					}
				}
			}
			statuses := make(map[int]int)
			for _, path := range paths {
				for _, method := range []string{"GET", "POST"} {
					a := g.rawly(method, path, evil)
					statuses[a.status]++
					switch a.status {
					case 400, 401, 403, 404:
					default:
						t.Errorf("%s %q: %v", method, path, a)
					}
					for _, hidden := range []string{"github", "stripe", "evil", "no endpoint"} {
						if strings.Contains(a.body, hidden) {
							t.Errorf("%s %q: the answer has %q: %v", method, path, hidden, a)
						}
					}
				}
			}
			if statuses[400] == 0 || statuses[401] == 0 {
				t.Errorf("the paths are not varied: %v", statuses)
			}
			if lines := g.logs.lines("changed in the inspector"); len(lines) > 0 {
				t.Errorf("somebody has changed something: %s", lines[0])
			}
		})
	}
}

// TestPlainNames: the name of an endpoint fits into a path of the page.
func TestPlainNames(t *testing.T) {
	for name, bad := range map[string]bool{
		"": false, "stripe": false, "a.b;c%d": false, "ümlaut": false,
		"a b": true, "a/b": true, `a\b`: true, ".": true, "..": true, "...": true, "a\u0085b": true, strings.Repeat("x", 101): true,
	} {
		if badName(name) != bad {
			t.Errorf("%q: %v", name, !bad)
		}
	}
}
