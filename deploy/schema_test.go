package deploy

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestConfigSchema: the schema for editors accepts the configurations that the Caddyfile's
// tests expect, and refuses mistakes.
func TestConfigSchema(t *testing.T) {
	file := filepath.Join(root(t), "docs/config.schema.json")
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	goldens, err := filepath.Glob("../caddymodule/testdata/adapt/*.caddyfiletest")
	if err != nil || len(goldens) < 10 {
		t.Fatal(goldens, err)
	}
	for _, name := range goldens {
		_, config, ok := strings.Cut(read(t, strings.TrimPrefix(name, "../")), "\n----------\n")
		if !ok {
			t.Fatalf("%s has no JSON", name)
		}
		if err := valid(config); err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
	}
	within := func(handler string) string {
		return `{"apps":{"http":{"servers":{"a":{"routes":[{"handle":[{"handler":"subroute","routes":[{"handle":[` + handler + `]}]}]}]}}}}}`
	}
	for text, ok := range map[string]bool{
		`{"apps":{"webhook_gateway":{"max_backlog":1}}}`:                                                                true,
		`{"apps":{"webhook_gateway":{"max_backlogs":1}}}`:                                                               false,
		`{"apps":{"webhook_gateway":{"store":{"store":"pebble","path":"a"}}}}`:                                          true,
		`{"apps":{"webhook_gateway":{"store":{"store":"pebble","dsn":"a"}}}}`:                                           false,
		`{"apps":{"webhook_gateway":{"retention":{"age":"1 day"}}}}`:                                                    false,
		within(`{"handler":"webhook_gateway","verifier":{"provider":"stripe","secrets":["a"]},"retry":{"attempts":3}}`): true,
		within(`{"handler":"webhook_gateway","verifier":{"provider":"stripe","secrets":["a"]},"retry":{"atempts":3}}`):  false,
		within(`{"handler":"webhook_gateway","verifier":{"secrets":["a"]}}`):                                            false,
		within(`{"handler":"webhook_gateway","verifier":{"provider":"paypal"}}`):                                        false, // without its webhook_id
		within(`{"handler":"webhook_gateway","verifier":{"provider":"one_of_mine","anything":1}}`):                      true,
		within(`{"handler":"webhook_gateway","forward":[{"routes":[{"handle":[{"handler":"static_response"}]}]}]}`):     true,
		within(`{"handler":"webhook_gateway","forward":[{"routes":[{"handle":[{}]}]}]}`):                                false,
	} {
		if err := valid(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
