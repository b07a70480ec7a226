package caddymodule

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// object is a part of the OpenAPI document. Its keys are sorted when it is
// written, so that the document is always the same.
type object = map[string]any

// openAPI makes the document of the admin API, made of its routes and of the types
// of their bodies.
func openAPI(routes []apiRoute) []byte {
	d := document{schemas: object{}}
	for _, v := range []any{adminapi.Error{}, adminapi.Event{}, adminapi.Lost{}, adminapi.Heard{}, adminapi.Gap{}} {
		d.schema(reflect.TypeOf(v))
	}
	paths := object{}
	for _, r := range routes {
		at, _ := paths[adminapi.Prefix+r.path].(object)
		if at == nil {
			at = object{}
			paths[adminapi.Prefix+r.path] = at
		}
		at[strings.ToLower(r.method)] = d.operation(r)
	}
	b, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title":   "Hookwicket admin API",
			"version": "1",
			"description": "Endpoints, messages and deliveries of a gateway, to look into and to mend. " +
				"It stands under Caddy's admin endpoint and is guarded as that is.",
		},
		"servers":    []any{object{"url": "http://localhost:2019", "description": "Caddy's admin endpoint"}},
		"paths":      paths,
		"components": object{"schemas": d.schemas},
	}, "", "\t")
	if err != nil {
		panic(err) // maps, slices and strings
	}
	return append(b, '\n')
}

func (*adminAPI) openapi(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(openAPI(apiRoutes()))
	return err
}

// document collects the schemas of named types.
type document struct{ schemas object }

func (d *document) operation(r apiRoute) object {
	op := object{"operationId": r.id, "summary": r.summary}
	var params []any
	for _, p := range r.params {
		params = append(params, p.object())
	}
	if params != nil {
		op["parameters"] = params
	}
	if r.body != nil {
		op["requestBody"] = object{"required": true, "content": object{
			"application/json": object{"schema": d.schema(reflect.TypeOf(r.body))},
		}}
	}
	success := object{"type": "string"}
	content := "application/json"
	switch {
	case r.answer != nil:
		success = d.schema(reflect.TypeOf(r.answer))
	case r.content == "application/json":
		content, success = r.content, object{"type": "object"}
	default:
		content = r.content
	}
	answers := object{"200": object{
		"description": "Success.",
		"content":     object{content: object{"schema": success}},
	}}
	for _, status := range r.errors {
		answers[strconv.Itoa(status)] = object{
			"description": errorMeanings[status],
			"content":     object{"application/json": object{"schema": d.schema(reflect.TypeFor[adminapi.Error]())}},
		}
	}
	op["responses"] = answers
	return op
}

var errorMeanings = map[int]string{
	400: "The request is wrong; the error names the mistake.",
	404: "There is no such endpoint, forward, message or delivery.",
	409: "An attempt is under way; try again when it has ended.",
	410: "It was there and has gone; the error says when and why.",
	422: "It is there, and this cannot be done with it; the error says why.",
	503: "No store is open, or the disk is full or faulty.",
}

func (p apiParam) object() object {
	schema := object{"type": "string"}
	if p.kind == "integer" {
		schema = object{"type": "integer", "minimum": 1, "maximum": p.most}
	}
	o := object{"name": p.name, "in": "query", "description": p.doc, "schema": schema}
	if p.path {
		o["in"] = "path"
	}
	if p.required {
		o["required"] = true
	}
	return o
}

// plainSchema describes the JSON of a type that is no object, or returns nil. of describes
// the type of an element.
func plainSchema(t reflect.Type, of func(reflect.Type) object) object {
	switch t.Kind() {
	case reflect.Pointer:
		return of(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": of(t.Elem())}
	}
	return nil
}

// schema describes a Go type, by reference where it is a struct of ours.
func (d *document) schema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[queue.ID]():
		return object{"type": "string", "format": "uuid"}
	case reflect.TypeFor[[]byte]():
		return object{"type": "string", "contentEncoding": "base64"}
	}
	if plain := plainSchema(t, d.schema); plain != nil {
		return plain
	}
	switch t.Kind() {
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		name := schemaName(t)
		if _, ok := d.schemas[name]; !ok {
			d.schemas[name] = object{} // for types that contain themselves
			properties, required := object{}, []any{}
			d.members(t, properties, &required)
			o := object{"type": "object", "properties": properties, "additionalProperties": false}
			if len(required) > 0 {
				o["required"] = required
			}
			d.schemas[name] = o
		}
		return object{"$ref": "#/components/schemas/" + name}
	}
	panic("no schema for " + t.String())
}

// schemaName is the name of a type of package adminapi in the document.
func schemaName(t reflect.Type) string {
	if t == reflect.TypeFor[adminapi.DeliveryState]() {
		return "State"
	}
	return t.Name()
}

// members adds the fields of a struct, those of embedded ones included.
func (d *document) members(t reflect.Type, properties object, required *[]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			d.members(f.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		s := d.schema(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			s["description"] = doc
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			s["enum"] = strings.Split(enum, ",")
		}
		properties[name] = s
		if options == "" {
			*required = append(*required, name)
		}
	}
}
