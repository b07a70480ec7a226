package caddymodule

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/hookwicket/hookwicket/verifiers/providers"
)

const configSchemaFile = "../docs/config.schema.json"

// TestConfigSchemaFile: docs/config.schema.json is made of the fields of the modules, of
// their comments, and of the catalogue. A test of the module in deploy validates the
// configurations of testdata/adapt with it.
func TestConfigSchemaFile(t *testing.T) {
	want := configSchema(t)
	if *update {
		if err := os.WriteFile(configSchemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(configSchemaFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/config.schema.json is not up to date (%v): go test ./caddymodule -run TestConfigSchemaFile -update", err)
	}
}

// configSchema makes the schema of a Caddy configuration. It describes our modules and
// accepts everything in the others.
func configSchema(t *testing.T) []byte {
	t.Helper()
	c := configDocument{t: t, comments: comments(t), defs: object{}}
	handlers := map[string]any{
		"webhook_gateway":           Handler{},
		"webhook_gateway_health":    Health{},
		"webhook_gateway_inspector": Inspector{},
	}
	rules := []any{object{ // a handler that has handlers within
		"if":   object{"properties": object{"handler": object{"const": "subroute"}}},
		"then": object{"properties": object{"routes": ref("routes")}},
	}}
	for _, name := range slices.Sorted(maps.Keys(handlers)) {
		rules = append(rules, object{
			"if":   object{"properties": object{"handler": object{"const": name}}},
			"then": c.module(reflect.TypeOf(handlers[name]), "handler", name),
		})
	}
	c.defs["handler"] = object{
		"type": "object", "required": []any{"handler"},
		"properties": object{"handler": object{"type": "string"}},
		"allOf":      rules,
	}
	c.defs["routes"] = object{"type": "array", "items": object{
		"type":       "object",
		"properties": object{"handle": object{"type": "array", "items": ref("handler")}},
	}}
	c.defs["store"] = object{"type": "object", "required": []any{"store"}, "allOf": []any{
		c.chosen("store", "pebble", PebbleStore{}), c.chosen("store", "postgres", PostgresStore{}),
	}}
	c.defs["verifier"] = verifierSchema()
	app := c.ref(reflect.TypeFor[App]())
	b, err := json.MarshalIndent(object{
		"$schema":     "http://json-schema.org/draft-07/schema#",
		"title":       "A Caddy configuration with Hookwicket",
		"description": "It describes the modules of Hookwicket, and accepts everything in the others.",
		"type":        "object",
		"properties": object{"apps": object{"type": "object", "properties": object{
			"webhook_gateway": app,
			"http": object{"type": "object", "properties": object{"servers": object{
				"type": "object", "additionalProperties": object{"type": "object", "properties": object{"routes": ref("routes")}},
			}}},
		}}},
		"definitions": c.defs,
	}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func ref(name string) object { return object{"$ref": "#/definitions/" + name} }

// configDocument collects the schemas of the types of a configuration.
type configDocument struct {
	t        *testing.T
	comments map[string]string
	defs     object
}

// chosen is the schema of a module where its name is chosen.
func (c configDocument) chosen(key, name string, module any) object {
	return object{
		"if":   object{"properties": object{key: object{"const": name}}},
		"then": c.module(reflect.TypeOf(module), key, name),
	}
}

// module is the schema of a module, beside the key that chooses it.
func (c configDocument) module(t reflect.Type, key, name string) object {
	properties := object{key: object{"const": name}}
	c.members(t, properties)
	return object{"type": "object", "description": c.comments[t.Name()], "properties": properties, "additionalProperties": false}
}

func (c configDocument) ref(t reflect.Type) object {
	if _, ok := c.defs[t.Name()]; !ok {
		c.defs[t.Name()] = object{} // for types that contain themselves
		properties := object{}
		c.members(t, properties)
		c.defs[t.Name()] = object{"type": "object", "description": c.comments[t.Name()], "properties": properties, "additionalProperties": false}
	}
	return ref(t.Name())
}

func (c configDocument) members(t reflect.Type, properties object) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			c.members(f.Type, properties)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		s := c.field(f)
		if doc := c.comments[t.Name()+"."+f.Name]; doc == "" {
			c.t.Errorf("%s.%s has no comment", t.Name(), f.Name)
		} else if _, isRef := s["$ref"]; isRef {
			s = object{"description": doc, "allOf": []any{s}} // nothing counts beside a reference
		} else {
			s["description"] = doc
		}
		properties[name] = s
	}
}

func (c configDocument) field(f reflect.StructField) object {
	if module := f.Tag.Get("caddy"); module != "" {
		_, after, _ := strings.Cut(module, "inline_key=")
		return ref(map[string]string{"store": "store", "provider": "verifier"}[after])
	}
	return c.schema(f.Type)
}

// schema describes the JSON of a Go type.
func (c configDocument) schema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[caddy.Duration]():
		return object{"type": []any{"string", "integer"}, "pattern": `^-?([0-9.]+(ns|us|µs|ms|s|m|h|d))+$|^0$|^\{`}
	case reflect.TypeFor[caddyhttp.RouteList]():
		return ref("routes")
	}
	if plain := plainSchema(t, c.schema); plain != nil {
		return plain
	}
	if t.Kind() == reflect.Struct {
		return c.ref(t)
	}
	c.t.Fatalf("no schema for %v", t)
	return nil
}

// verifierSchema describes each provider of the catalogue: its name, its secret and the
// options that an endpoint has to give. Modules of others have further names.
func verifierSchema() object {
	names, rules := []any{}, []any{}
	for _, row := range providers.All() {
		names = append(names, row.Name)
		l := listingOf(row)
		properties, required := object{"secrets": object{"description": l.Title + ": " + row.SecretName()}}, []any{}
		for _, o := range l.Given {
			properties[o.Name] = object{"description": o.What}
			if o.Required {
				required = append(required, o.Name)
			}
		}
		rules = append(rules, object{
			"if":   object{"properties": object{"provider": object{"const": row.Name}}},
			"then": object{"properties": properties, "required": required},
		})
	}
	text := object{"type": "array", "items": object{"type": "string"}}
	return object{
		"type": "object", "required": []any{"provider"},
		"properties": object{
			"provider": object{"description": "A provider of the catalogue, or a module in webhook_gateway.verifiers.",
				"anyOf": []any{object{"enum": names}, object{"type": "string"}}},
			"secrets": text, "probe": text,
		},
		"allOf": rules,
	}
}

// comments are those of this package's types and fields, such as App and App.Refused.
func comments(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		noteComments(file, found)
	}
	return found
}

// noteComments adds the first paragraphs of a file's comments.
func noteComments(file *ast.File, found map[string]string) {
	ast.Inspect(file, func(n ast.Node) bool {
		d, ok := n.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			return true
		}
		for _, spec := range d.Specs {
			s := spec.(*ast.TypeSpec)
			found[s.Name.Name] = firstParagraph(d.Doc.Text())
			if fields, ok := s.Type.(*ast.StructType); ok {
				for _, f := range fields.Fields.List {
					for _, name := range f.Names {
						found[s.Name.Name+"."+name.Name] = firstParagraph(f.Doc.Text())
					}
				}
			}
		}
		return true
	})
}

func firstParagraph(text string) string {
	text, _, _ = strings.Cut(text, "\n\n")
	return strings.Join(strings.Fields(text), " ")
}
