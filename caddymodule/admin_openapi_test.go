package caddymodule

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/adminapi"
)

const openAPIFile = "../docs/openapi.json"

// TestOpenAPIFile: the document in docs is what the gateway serves.
func TestOpenAPIFile(t *testing.T) {
	want := openAPI(apiRoutes())
	if *update {
		if err := os.WriteFile(openAPIFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(openAPIFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/openapi.json is not up to date (%v): go test ./caddymodule -run TestOpenAPIFile -update", err)
	}
}

// TestOpenAPIRoutes: what is served is described, and the other way round.
func TestOpenAPIRoutes(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
			Parameters  []struct{ Name, In, Description string }
		}
	}
	if err := json.Unmarshal(openAPI(apiRoutes()), &doc); err != nil {
		t.Fatal(err)
	}
	described := make(map[string]bool)
	for path, operations := range doc.Paths {
		for method, op := range operations {
			described[method+" "+path] = true
			if op.OperationID == "" || op.Summary == "" {
				t.Errorf("%s %s: nothing says what it does", method, path)
			}
			for _, p := range op.Parameters {
				if p.Description == "" || p.In == "path" != strings.Contains(path, "{"+p.Name+"}") {
					t.Errorf("%s %s: parameter %s: %q in %s", method, path, p.Name, p.Description, p.In)
				}
			}
		}
	}
	ids := make(map[string]bool)
	for _, route := range apiRoutes() {
		name := strings.ToLower(route.method) + " " + adminapi.Prefix + route.path
		if !described[name] {
			t.Error("not described: ", name)
		}
		delete(described, name)
		if ids[route.id] {
			t.Error("two operations are called ", route.id)
		}
		ids[route.id] = true
	}
	for name := range described {
		t.Error("described, and not served: ", name)
	}
}
