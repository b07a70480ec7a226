package inspector

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/adminapi"
)

// otherRoutes are the operations of the API that the page does not call.
var otherRoutes = []string{
	"GET /deliveries", "GET /messages/{}/raw", "GET /listen", "GET /listen/about", "GET /openapi.json",
	"DELETE /keys", "DELETE /refused",
}

// TestOperationsAreRoutes: what the page may call is in the API's document with that
// method, and each operation of the document is either for the page or for others.
func TestOperationsAreRoutes(t *testing.T) {
	text, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	routes := make(map[string]bool)
	for path, methods := range doc.Paths {
		path = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.TrimPrefix(path, adminapi.Prefix), "{}")
		for method := range methods {
			routes[strings.ToUpper(method)+" "+path] = true
		}
	}
	known := make(map[string]bool)
	for _, o := range operations {
		known[o.method+" "+o.path] = true
	}
	for _, r := range otherRoutes {
		if known[r] {
			t.Errorf("%s is for the page and for others", r)
		}
		known[r] = true
	}
	for r := range known {
		if !routes[r] {
			t.Errorf("%s is not in docs/openapi.json", r)
		}
	}
	for r := range routes {
		if !known[r] {
			t.Errorf("%s is neither in operations nor in otherRoutes", r)
		}
	}
}

// literalCall is a call whose path is written at the call, such as
// post("messages/" + part(id) + "/redeliver".
var literalCall = regexp.MustCompile(`\b(get|post|remove)\(("[^"]*"(?: \+ (?:part\([\w.]+\)|"[^"]*"))*)`)

// TestCallsAreOperations: the calls that stand in the page's code are operations.
func TestCallsAreOperations(t *testing.T) {
	names, err := fs.Glob(files, "ui/*.js")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]string{"get": "GET", "post": "POST", "remove": "DELETE"}
	part := regexp.MustCompile(`part\([\w.]+\)`)
	found := 0
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range literalCall.FindAllStringSubmatch(string(text), -1) {
			path := "/" + strings.NewReplacer(`"`, "", " + ", "").Replace(part.ReplaceAllString(call[2], "x"))
			found++
			if _, ok := find(methods[call[1]], path); !ok && path != "/session" {
				t.Errorf("%s: %s %s is no operation", name, call[1], path)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d calls were found", found)
	}
}
