package inspector

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"

	"github.com/hookwicket/hookwicket/adminapi"
)

// api is what the OpenAPI document says of the operations, for the tracer.
type api struct {
	schemas    map[string]map[string]*value // fields by the name of the schema
	fields     map[string]bool              // names of all fields
	operations map[string]operationOf       // by method and path, with {} for a part
}

type operationOf struct {
	answer *value
	asked  map[string]*value // members of the body, or parameters
}

type schemaDoc struct {
	Ref        string               `json:"$ref"`
	Type       string               `json:"type"`
	Properties map[string]schemaDoc `json:"properties"`
	Items      *schemaDoc           `json:"items"`
	Additional json.RawMessage      `json:"additionalProperties"`
}

type contentDoc struct {
	Content map[string]struct {
		Schema schemaDoc `json:"schema"`
	} `json:"content"`
}

type openAPIDoc struct {
	Paths map[string]map[string]struct {
		Parameters []struct {
			Name string `json:"name"`
		} `json:"parameters"`
		RequestBody contentDoc            `json:"requestBody"`
		Responses   map[string]contentDoc `json:"responses"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]schemaDoc `json:"schemas"`
	} `json:"components"`
}

func readOpenAPI(t *testing.T) openAPIDoc {
	t.Helper()
	text, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc openAPIDoc
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	// The session is the page's own call: its answer is not in the document.
	session := schemaDoc{Properties: make(map[string]schemaDoc)}
	for i := range reflect.TypeFor[Session]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[Session]().Field(i).Tag.Get("json"), ",")
		session.Properties[name] = schemaDoc{}
	}
	session.Properties["endpoints"] = schemaDoc{Type: "array", Items: new(schemaDoc)}
	doc.Components.Schemas["Session"] = session
	return doc
}

// value is what the tracer makes of a schema.
func (s schemaDoc) value() *value {
	members := new(schemaDoc)
	switch {
	case s.Ref != "":
		return &value{schemas: map[string]bool{path.Base(s.Ref): true}}
	case s.Items != nil:
		return &value{list: s.Items.value()}
	case s.Type == "object" && json.Unmarshal(s.Additional, members) == nil:
		return &value{members: members.value()}
	}
	return own()
}

func (doc openAPIDoc) api() api {
	a := api{schemas: make(map[string]map[string]*value), fields: make(map[string]bool), operations: make(map[string]operationOf)}
	for name, s := range doc.Components.Schemas {
		a.schemas[name] = make(map[string]*value)
		for field, of := range s.Properties {
			a.schemas[name][field] = of.value()
			a.fields[field] = true
		}
	}
	for at, methods := range doc.Paths {
		at = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.TrimPrefix(at, adminapi.Prefix), "{}")
		for method, o := range methods {
			of := operationOf{answer: o.Responses["200"].Content["application/json"].Schema.value(), asked: make(map[string]*value)}
			for _, p := range o.Parameters {
				of.asked[p.Name] = own()
			}
			for s := range o.RequestBody.Content["application/json"].Schema.value().schemas {
				of.asked = a.schemas[s]
			}
			a.operations[strings.ToUpper(method)+" "+at] = of
		}
	}
	a.operations["GET /session"] = operationOf{answer: &value{schemas: map[string]bool{"Session": true}}}
	return a
}

// readModules are the page's own modules by their names.
func readModules(t *testing.T) map[string]*js.AST {
	t.Helper()
	modules := make(map[string]*js.AST)
	names, err := fs.Glob(files, "ui/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		modules[path.Base(name)] = parsed(t, name, string(text))
	}
	return modules
}

func parsed(t *testing.T, name, text string) *js.AST {
	t.Helper()
	module, err := js.Parse(parse.NewInputString(text), js.Options{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return module
}

// trace traces all modules.
func trace(modules map[string]*js.AST, a api) *tracer {
	t := &tracer{
		api: a, modules: modules, imports: make(map[*js.Var]*js.Var), vendor: make(map[*js.Var]bool), vars: make(map[*js.Var]*value),
		inits: make(map[*js.Var]js.IExpr), funcs: make(map[js.INode]*function), cells: make(map[js.INode]*value),
		problems: make(map[string]bool), reads: make(map[string]bool), calls: make(map[string]bool),
	}
	for _, module := range modules {
		for _, s := range module.List {
			if i, ok := s.(*js.ImportStmt); ok {
				t.importAll(module, i)
			}
		}
	}
	names := slices.Sorted(maps.Keys(modules))
	for round := 0; ; round++ {
		t.grew = false
		t.reporting = t.reporting || round == 40 // it has to end
		for _, name := range names {
			t.module = name
			t.statements(modules[name].List)
		}
		if t.reporting {
			return t
		}
		t.reporting = !t.grew
	}
}

func (t *tracer) importAll(module *js.AST, i *js.ImportStmt) {
	from := path.Base(strings.Trim(string(i.Module), `"`))
	for _, alias := range i.List {
		here := alias.Binding
		name := alias.Name
		if name == nil {
			name = here
		}
		for _, v := range module.Undeclared { // the parser declares no imports
			switch other := t.modules[from]; {
			case string(v.Data) != string(here):
			case other != nil:
				t.imports[v] = declared(other, string(name))
			default:
				t.vendor[v] = true
			}
		}
	}
}

// TestFields: each field that the page reads from an answer of the API, and each that it
// sends, is in the OpenAPI document. The page makes all calls that it may make.
func TestFields(t *testing.T) {
	found := trace(readModules(t), readOpenAPI(t).api())
	for _, p := range slices.Sorted(maps.Keys(found.problems)) {
		t.Error(p)
	}
	if len(found.reads) < 200 {
		t.Errorf("only %d fields are read", len(found.reads))
	}
	may := map[string]bool{"GET /session": true}
	for _, o := range operations {
		if !o.file && o.path != adminapi.PathTail { // those are links, and the stream
			may[o.method+" "+o.path] = true
		}
	}
	for call := range found.calls {
		if !may[call] {
			t.Errorf("the page calls %s, which is not among its operations", call)
		}
	}
	for call := range may {
		if !found.calls[call] {
			t.Errorf("the page may call %s, and does not", call)
		}
	}
}

// TestRenamedField: each field that the page reads is missed when it has another name in
// the document.
func TestRenamedField(t *testing.T) {
	modules := readModules(t)
	doc := readOpenAPI(t)
	// Fields behind which there is nothing of the API are renamed together; the others one
	// by one, because the trace ends there.
	groups := make([][]string, 1)
	for _, read := range slices.Sorted(maps.Keys(trace(modules, doc.api()).reads)) {
		schema, field, _ := strings.Cut(read, ".")
		if doc.Components.Schemas[schema].Properties[field].value().answers() {
			groups = append(groups, []string{read})
		} else {
			groups[0] = append(groups[0], read)
		}
	}
	for _, group := range groups {
		rename := func(from, to string) {
			for _, read := range group {
				schema, field, _ := strings.Cut(read, ".")
				properties := doc.Components.Schemas[schema].Properties
				properties[field+to] = properties[field+from]
				delete(properties, field+from)
			}
		}
		rename("", "_renamed")
		found := slices.Collect(maps.Keys(trace(modules, doc.api()).problems))
		rename("_renamed", "")
		for _, read := range group {
			want := ": " + strings.Replace(read, ".", " has no field ", 1)
			if !slices.ContainsFunc(found, func(p string) bool { return strings.HasSuffix(p, want) }) {
				t.Errorf("%s has another name, and the page still reads it", read)
			}
		}
	}
	t.Logf("%d groups of fields were renamed", len(groups))
}

// TestTracer: what the tracer has to report, so that nothing gets past it silently.
func TestTracer(t *testing.T) {
	const begin = `import { get, part, post } from "./api.js"; import { useLoad } from "./parts.js"; import { html, useState } from "./vendor/preact-htm.js";` + "\n"
	all, a := readModules(t), readOpenAPI(t).api()
	for _, c := range []struct{ code, problem string }{
		{`const e = await get("status"); e.store.location;`, ""},
		{`const e = await get("status"); e.store.colour;`, "Store has no field colour"},
		{`const { store: { colour } } = await get("status");`, "Store has no field colour"},
		{`const { store } = await get("status"); store["colour"];`, "Store has no field colour"},
		{`const f = async () => (await get("endpoints")).endpoints; (await f()).map((e) => e.forwards.find((f) => f.paused)?.colour);`, "Forward has no field colour"},
		{`const C = ({ d }) => html` + "`<p>${d.colour}</p>`" + `; html` + "`<${C} d=${await get(\"status\")} />`;", "Status has no field colour"},
		{`const [s, set] = useState(null); get("status").then(set); s && s.colour;`, "Status has no field colour"},
		{`const [s] = useLoad(() => get("status"), []); s.colour;`, "Status has no field colour"},
		{`for (const e of (await get("endpoints")).endpoints) e.colour;`, "Endpoint has no field colour"},
		{`for (const [k, n] of Object.entries((await get("endpoints/" + part("x"))).requests.refused)) n.colour;`, ""},
		{`const s = await get("status"); s["st" + "ore"];`, "a field of the API is read by a computed name"},
		{`Object.values(await get("status"));`, "fields of the API are read by computed names"},
		{`structuredClone(await get("status")).store;`, "store is a field of the API, and nothing is known of the value"},
		{`window.kept = await get("status");`, "a part of an answer is lost here"},
		{`const never = (x) => x.store;`, "store is a field of the API, and nothing is known of the value"},
		{`const s = true ? await get("status") : { colour: 1 }; s.colour;`, "Status has no field colour"},
		{`await get("statuses");`, "the API has no operation GET /statuses"},
		{`await get(location.hash);`, "it cannot be seen which operation this is"},
		{`await get("messages", { colour: 1 });`, "the operation takes no colour"},
		{`await post("purge", { filter: { colour: 1 } });`, "the operation takes no colour"},
	} {
		modules := map[string]*js.AST{"api.js": all["api.js"], "parts.js": all["parts.js"], "text.js": all["text.js"]}
		modules["x.js"] = parsed(t, "x.js", begin+c.code)
		found := slices.Collect(maps.Keys(trace(modules, a).problems))
		found = slices.DeleteFunc(found, func(p string) bool { return !strings.HasPrefix(p, "x.js: ") }) // nobody calls the others here
		if c.problem == "" && len(found) > 0 || c.problem != "" && !slices.ContainsFunc(found, func(p string) bool { return strings.HasSuffix(p, ": "+c.problem) }) {
			t.Errorf("%s\nfound %q, want %q", c.code, found, c.problem)
		}
	}
}
