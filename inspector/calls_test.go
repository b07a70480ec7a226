package inspector

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/adminapi"
)

// otherRoutes are the operations of the API that the page does not call.
var otherRoutes = []string{
	"GET /deliveries", "GET /health", "GET /messages/{}/raw", "GET /listen", "GET /listen/about", "GET /openapi.json",
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
