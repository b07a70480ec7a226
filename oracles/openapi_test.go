package oracles

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestOpenAPI: a library that others use reads the document of the admin API and
// finds nothing wrong with it.
func TestOpenAPI(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if doc.Paths.Len() < 10 {
		t.Errorf("it describes only %d paths", doc.Paths.Len())
	}
}
