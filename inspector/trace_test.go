package inspector

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

// tracer follows the API's answers through the page's modules, from the calls of get and
// post to the places where their fields are read. It does not run the code: it works out
// which values each variable can have, again and again until nothing is added, and
// reports in one more round.
//
// It errs on the side of a report: where an answer gets into something that is not
// modelled here, the trace is lost, and a field that is read behind it is an error.
type tracer struct {
	api     api
	modules map[string]*js.AST
	imports map[*js.Var]*js.Var // to the variable of the other module
	vendor  map[*js.Var]bool    // imported from vendor/
	vars    map[*js.Var]*value
	inits   map[*js.Var]js.IExpr // what const variables were set to
	funcs   map[js.INode]*function
	cells   map[js.INode]*value // of useState and useRef, by the call

	module    string
	inside    *function
	grew      bool
	reporting bool
	problems  map[string]bool
	reads     map[string]bool // Schema.field
	calls     map[string]bool // operations
}

// value is all that an expression can be at once. The empty value is nothing yet, such as
// null.
type value struct {
	own     bool            // something that has no part of an answer
	schemas map[string]bool // objects of the API
	members *value          // of a map of the API
	object  map[string]*value
	others  *value // members of an object with computed names
	list    *value
	items   []*value // of a list that is written out
	funcs   map[*function]bool
	ref     *value // current of useRef
	state   *value // the function sets this state
}

type function struct {
	params    js.Params
	body      *js.BlockStmt
	generator bool
	ret       value
}

func own() *value { return &value{own: true} }

func (v *value) empty() bool {
	return !v.own && len(v.schemas) == 0 && v.members == nil && v.object == nil && v.list == nil && v.items == nil && len(v.funcs) == 0 && v.ref == nil && v.state == nil
}

// answers reports whether the value has a part of an answer in it.
func (v *value) answers() bool {
	if v == nil {
		return false
	}
	for _, m := range v.object {
		if m.answers() {
			return true
		}
	}
	return len(v.schemas) > 0 || v.members != nil || v.others.answers() || v.list.answers() || slices.ContainsFunc(v.items, (*value).answers)
}

func (t *tracer) join(into *value, from *value) {
	if from == nil || into == from {
		return
	}
	sub := func(at **value, v *value) {
		if v != nil {
			if *at == nil {
				*at, t.grew = new(value), true
			}
			t.join(*at, v)
		}
	}
	if from.own && !into.own {
		into.own, t.grew = true, true
	}
	for s := range from.schemas {
		if !into.schemas[s] {
			if into.schemas == nil {
				into.schemas = make(map[string]bool)
			}
			into.schemas[s], t.grew = true, true
		}
	}
	for f := range from.funcs {
		if !into.funcs[f] {
			if into.funcs == nil {
				into.funcs = make(map[*function]bool)
			}
			into.funcs[f], t.grew = true, true
		}
	}
	if from.object != nil && into.object == nil {
		into.object, t.grew = make(map[string]*value), true
	}
	for name, m := range from.object {
		at := into.object[name]
		sub(&at, m)
		into.object[name] = at
	}
	sub(&into.members, from.members)
	sub(&into.others, from.others)
	if from.items != nil && (into.list != nil || into.items != nil && len(into.items) != len(from.items)) {
		sub(&into.list, from.element())
	} else if from.items != nil {
		if into.items == nil {
			into.items, t.grew = make([]*value, len(from.items)), true
		}
		for i, item := range from.items {
			sub(&into.items[i], item)
			if into.items[i] == nil {
				into.items[i] = new(value)
			}
		}
	}
	sub(&into.list, from.list)
	if from.ref != nil && into.ref == nil {
		into.ref, t.grew = from.ref, true
	}
	if from.state != nil && into.state == nil {
		into.state, t.grew = from.state, true
	}
}

func (t *tracer) joined(all ...*value) *value {
	v, grew := new(value), t.grew
	for _, one := range all {
		t.join(v, one)
	}
	t.grew = grew
	return v
}

// element is what a list can have in it.
func (v *value) element() *value {
	var scratch tracer
	return scratch.joined(append(slices.Clone(v.items), v.list)...)
}

func (v *value) isList() bool { return v.list != nil || v.items != nil }

func (t *tracer) problem(at js.INode, format string, args ...any) {
	if t.reporting {
		var text bytes.Buffer
		at.JS(&text)
		where := text.String()
		if len(where) > 100 {
			where = where[:100] + " …"
		}
		t.problems[fmt.Sprintf("%s: %s: %s", t.module, where, fmt.Sprintf(format, args...))] = true
	}
}

// read is a member of a value.
func (t *tracer) read(v *value, name string, at js.INode) *value {
	if v.ref != nil && name == "current" {
		return v.ref
	}
	parts, known := make([]*value, 0, 4), v.isList() && name == "length"
	for s := range v.schemas {
		if p, ok := t.api.schemas[s][name]; ok {
			known = true
			t.reads[s+"."+name] = true
			parts = append(parts, p)
		}
	}
	for s := range v.schemas {
		// What the stream sends is told apart by its kind, which is not modelled.
		if _, ok := t.api.schemas[s][name]; !ok && !(known && stream[s]) {
			t.problem(at, "%s has no field %s", s, name)
		}
	}
	if m := v.object[name]; m != nil {
		parts = append(parts, m)
	}
	if v.object != nil && v.others != nil {
		parts = append(parts, v.others)
	}
	if v.members != nil {
		parts = append(parts, v.members)
	}
	if v.empty() && t.api.fields[name] {
		t.problem(at, "%s is a field of the API, and nothing is known of the value", name)
	}
	if v.own && len(v.schemas) == 0 || v.isList() && name == "length" {
		parts = append(parts, own())
	}
	if len(parts) == 1 {
		return parts[0] // it is not changed by those who read it
	}
	return t.joined(parts...)
}

// stream are the schemas of what the live stream sends.
var stream = map[string]bool{"Event": true, "Lost": true, "Gap": true}

// canonical is the variable that a use stands for, in whichever module.
func (t *tracer) canonical(v *js.Var) *js.Var {
	for v.Link != nil {
		v = v.Link
	}
	if other := t.imports[v]; other != nil {
		return t.canonical(other)
	}
	return v
}

func (t *tracer) variable(v *js.Var) *value {
	v = t.canonical(v)
	if t.vars[v] == nil {
		t.vars[v] = new(value)
		if v.Decl == js.NoDecl && string(v.Data) != "undefined" || t.vendor[v] {
			t.vars[v].own = true // of the language, the browser or the library
		}
	}
	return t.vars[v]
}

// known is the name of a function that the tracer treats itself: one of the language, of
// the library, or of the page's own that hands on what the API answers.
func (t *tracer) known(x js.IExpr) string {
	switch x := x.(type) {
	case *js.Var:
		v := t.canonical(x)
		name := string(v.Data)
		if v.Decl == js.NoDecl || t.vendor[v] || t.handsOn(v, name) {
			return name
		}
	case *js.DotExpr:
		if base, ok := x.X.(*js.Var); ok && t.canonical(base).Decl == js.NoDecl {
			return string(base.Data) + "." + nameOf(x.Y)
		}
		if name := nameOf(x.Y); name == "json" {
			return name
		}
	}
	return ""
}

func (t *tracer) handsOn(v *js.Var, name string) bool {
	switch name {
	case "get", "post", "remove", "listen", "useLoad", "part":
		for _, m := range []string{"api.js", "parts.js"} {
			if declared(t.modules[m], name) == v {
				return true
			}
		}
	}
	return false
}

func declared(module *js.AST, name string) *js.Var {
	for _, v := range module.Declared {
		if string(v.Data) == name {
			return v
		}
	}
	return nil
}

func nameOf(x js.IExpr) string {
	var text bytes.Buffer
	x.JS(&text)
	return text.String()
}

// bind gives a value to a variable, or its parts to several.
func (t *tracer) bind(to js.IBinding, v *value, at js.INode) {
	switch to := to.(type) {
	case *js.Var:
		t.join(t.variable(to), v)
	case *js.BindingObject:
		rest := t.joined(v)
		for _, item := range to.List {
			name := ""
			switch {
			case item.Key != nil && item.Key.Computed == nil:
				name = string(item.Key.Literal.Data)
			case item.Key == nil:
				if bound, ok := item.Value.Binding.(*js.Var); ok {
					name = string(bound.Data)
				}
			}
			if bound, ok := item.Value.Binding.(*js.Var); ok && name == "" {
				name = string(bound.Data)
			}
			m := new(value)
			if !v.empty() || t.reporting {
				m = t.read(v, name, at)
			}
			t.bindElement(item.Value, m, at)
			delete(rest.object, name)
		}
		if to.Rest != nil {
			t.join(t.variable(to.Rest), rest)
		}
	case *js.BindingArray:
		for i, e := range to.List {
			item := new(value)
			switch {
			case i < len(v.items):
				item = t.joined(v.items[i], v.list)
			case v.isList():
				item = v.element()
			case v.own:
				item = own()
			}
			t.bindElement(e, item, at)
		}
		if to.Rest != nil {
			t.bind(to.Rest, &value{list: v.element()}, at)
		}
	}
}

func (t *tracer) bindElement(e js.BindingElement, v *value, at js.INode) {
	if e.Default != nil {
		v = t.joined(v, t.eval(e.Default))
	}
	if e.Binding != nil {
		t.bind(e.Binding, v, at)
	}
}

// place is where an expression that can be assigned to keeps its value; nil: in nothing
// that the tracer follows.
func (t *tracer) place(x js.IExpr) *value {
	switch x := x.(type) {
	case *js.Var:
		return t.variable(x)
	case *js.GroupExpr:
		return t.place(x.X)
	case *js.DotExpr:
		base, name := t.place(x.X), nameOf(x.Y)
		switch {
		case base == nil:
			return nil
		case base.ref != nil && name == "current":
			return base.ref
		case len(base.schemas) > 0 || base.object == nil:
			return nil
		}
		if base.object[name] == nil {
			base.object[name] = new(value)
		}
		return base.object[name]
	case *js.IndexExpr:
		t.eval(x.Y)
		if base := t.place(x.X); base != nil && base.object != nil {
			if base.others == nil {
				base.others = new(value)
			}
			return base.others
		}
	}
	return nil
}

// assign keeps a value. A part of an answer must not get where it cannot be followed.
func (t *tracer) assign(to js.IExpr, v *value) {
	if at := t.place(to); at != nil {
		t.join(at, v)
	} else if v.answers() {
		t.problem(to, "a part of an answer is lost here")
	}
}

// newFunction makes the value of a function, and traces its body.
func (t *tracer) newFunction(node js.INode, params js.Params, body *js.BlockStmt, generator bool) *value {
	f := t.funcs[node]
	if f == nil {
		f = &function{params: params, body: body, generator: generator}
		t.funcs[node] = f
	}
	outer := t.inside
	t.inside = f
	for _, p := range params.List {
		if p.Default != nil {
			t.bindElement(p, new(value), node)
		}
	}
	t.statements(body.List)
	t.inside = outer
	return &value{funcs: map[*function]bool{f: true}}
}

// returns adds to what the function under way returns.
func (t *tracer) returns(v *value) {
	if t.inside == nil {
		return
	}
	if t.inside.generator {
		v = &value{list: v}
	}
	t.join(&t.inside.ret, v)
}

// call calls all functions that a value can be.
func (t *tracer) call(v *value, args []*value, at js.INode) *value {
	out := new(value)
	for f := range v.funcs {
		for i, p := range f.params.List {
			arg := new(value)
			if i < len(args) {
				arg = args[i]
			}
			if p.Binding != nil {
				t.bind(p.Binding, arg, at)
			}
		}
		if f.params.Rest != nil {
			rest := new(value)
			for _, arg := range args[min(len(args), len(f.params.List)):] {
				rest = t.joined(rest, arg)
			}
			t.bind(f.params.Rest, &value{list: rest}, at)
		}
		out = t.joined(out, &f.ret)
	}
	if v.state != nil && len(args) > 0 {
		next := *args[0]
		t.join(v.state, t.call(&value{funcs: next.funcs}, []*value{v.state}, at))
		next.funcs = nil
		t.join(v.state, &next)
		out.own = true
	}
	if v.own {
		if lost := t.handOut(args, at); !lost {
			out.own = true
		}
	}
	return out
}

// handOut gives arguments to a function that is not the page's: functions among them get
// values that have no part of an answer. It reports whether a part of an answer went out.
func (t *tracer) handOut(args []*value, at js.INode) (lost bool) {
	for _, arg := range args {
		for f := range arg.funcs {
			given := make([]*value, len(f.params.List))
			for i := range given {
				given[i] = own()
			}
			t.call(&value{funcs: map[*function]bool{f: true}}, given, at)
			lost = lost || f.ret.answers()
		}
		lost = lost || arg.answers()
	}
	return lost
}

func (t *tracer) statements(list []js.IStmt) {
	for _, s := range list {
		t.statement(s)
	}
}

func (t *tracer) statement(s js.IStmt) {
	switch s := s.(type) {
	case nil, *js.EmptyStmt, *js.BranchStmt, *js.ImportStmt, *js.DirectivePrologueStmt, *js.DebuggerStmt:
	case *js.BlockStmt:
		if s != nil {
			t.statements(s.List)
		}
	case *js.ExprStmt:
		t.eval(s.Value)
	case *js.VarDecl:
		t.eval(s)
	case *js.FuncDecl:
		t.eval(s)
	case *js.ClassDecl:
		t.problem(s, "the tracer does not know classes")
	case *js.ExportStmt:
		t.eval(s.Decl)
	case *js.ReturnStmt:
		t.returns(t.eval(s.Value))
	case *js.ThrowStmt:
		t.eval(s.Value)
	case *js.IfStmt:
		t.eval(s.Cond)
		t.statement(s.Body)
		t.statement(s.Else)
	case *js.WhileStmt:
		t.eval(s.Cond)
		t.statement(s.Body)
	case *js.DoWhileStmt:
		t.eval(s.Cond)
		t.statement(s.Body)
	case *js.ForStmt:
		t.eval(s.Init)
		t.eval(s.Cond)
		t.eval(s.Post)
		t.statement(s.Body)
	case *js.ForOfStmt:
		v := t.eval(s.Value)
		element := v.element()
		element.own = element.own || v.own
		if d, ok := s.Init.(*js.VarDecl); ok {
			t.bind(d.List[0].Binding, element, d)
		} else {
			t.assign(s.Init, element)
		}
		t.statement(s.Body)
	case *js.TryStmt:
		t.statement(s.Body)
		if s.Binding != nil {
			t.bind(s.Binding, own(), s.Catch)
		}
		t.statement(s.Catch)
		t.statement(s.Finally)
	default:
		t.problem(s, "the tracer does not know the statement %T", s)
	}
}

func (t *tracer) eval(x js.IExpr) *value {
	switch x := x.(type) {
	case nil:
		return new(value)
	case *js.VarDecl:
		for _, e := range x.List {
			if v, ok := e.Binding.(*js.Var); ok && e.Default != nil {
				t.inits[t.canonical(v)] = e.Default
			}
			t.bindElement(e, new(value), x)
		}
	case *js.FuncDecl:
		f := t.newFunction(x, x.Params, &x.Body, x.Generator)
		if x.Name != nil {
			t.join(t.variable(x.Name), f)
		}
		return f
	case *js.ArrowFunc:
		return t.newFunction(x, x.Params, &x.Body, false)
	case *js.Var:
		return t.variable(x)
	case *js.LiteralExpr:
		if string(x.Data) != "null" {
			return own()
		}
	case *js.GroupExpr:
		return t.eval(x.X)
	case *js.CommaExpr:
		v := new(value)
		for _, one := range x.List {
			v = t.eval(one)
		}
		return v
	case *js.CondExpr:
		t.eval(x.Cond)
		return t.joined(t.eval(x.X), t.eval(x.Y))
	case *js.UnaryExpr:
		v := t.eval(x.X)
		if x.Op == js.AwaitToken {
			return v
		}
		return own()
	case *js.YieldExpr:
		v := t.eval(x.X)
		t.returns(v)
	case *js.BinaryExpr:
		return t.binary(x)
	case *js.ArrayExpr:
		return t.array(x)
	case *js.ObjectExpr:
		return t.object(x)
	case *js.TemplateExpr:
		return t.template(x)
	case *js.DotExpr:
		return t.read(t.eval(x.X), nameOf(x.Y), x)
	case *js.IndexExpr:
		return t.index(x)
	case *js.NewExpr:
		var args []*value
		if x.Args != nil {
			args = t.args(*x.Args)
		}
		if name := nameOf(x.X); name == "Set" && len(args) == 1 && args[0].isList() {
			return &value{list: args[0].element()}
		}
		return t.call(t.eval(x.X), args, x)
	case *js.CallExpr:
		return t.callExpr(x)
	default:
		t.problem(x, "the tracer does not know the expression %T", x)
	}
	return new(value)
}

func (t *tracer) binary(x *js.BinaryExpr) *value {
	switch x.Op {
	case js.EqToken, js.NullishEqToken, js.OrEqToken, js.AndEqToken:
		v := t.eval(x.Y)
		t.assign(x.X, v)
		return v
	case js.NullishToken, js.OrToken:
		return t.joined(t.eval(x.X), t.eval(x.Y))
	case js.AndToken:
		t.eval(x.X)
		return t.eval(x.Y)
	}
	t.eval(x.X)
	t.eval(x.Y)
	return own()
}

func (t *tracer) array(x *js.ArrayExpr) *value {
	v, spread := &value{items: []*value{}}, false
	for _, e := range x.List {
		item := new(value)
		if e.Value != nil {
			item = t.eval(e.Value)
		}
		if e.Spread {
			spread = true
			element := item.element()
			element.own = element.own || item.own
			item = element
		}
		v.items = append(v.items, t.joined(item))
	}
	if spread {
		return &value{list: v.element()}
	}
	return v
}

func (t *tracer) object(x *js.ObjectExpr) *value {
	v := &value{object: make(map[string]*value)}
	for _, p := range x.List {
		m := t.eval(p.Value)
		switch {
		case p.Spread:
			v = t.joined(v, m)
		case p.Name != nil && p.Name.Computed != nil:
			t.eval(p.Name.Computed)
			v.others = t.joined(v.others, m)
		default:
			name := ""
			if p.Name != nil {
				name = strings.Trim(string(p.Name.Literal.Data), `"`)
			} else {
				name = nameOf(p.Value)
			}
			v.object[name] = t.joined(m)
		}
	}
	return v
}

func (t *tracer) index(x *js.IndexExpr) *value {
	v := t.eval(x.X)
	t.eval(x.Y)
	if lit, ok := x.Y.(*js.LiteralExpr); ok {
		if i, err := strconv.Atoi(string(lit.Data)); err == nil && i < len(v.items) {
			return t.joined(v.items[i], v.list)
		} else if err != nil {
			return t.read(v, strings.Trim(string(lit.Data), `"`), x)
		}
	}
	if len(v.schemas) > 0 {
		t.problem(x, "a field of the API is read by a computed name")
	}
	out := t.joined(v.members, v.others)
	if v.isList() {
		out = t.joined(out, v.element())
	}
	for _, m := range v.object {
		out = t.joined(out, m)
	}
	out.own = out.own || v.own
	return out
}

func (t *tracer) args(args js.Args) []*value {
	var all []*value
	for _, a := range args.List {
		v := t.eval(a.Value)
		if a.Rest {
			element := v.element()
			element.own = element.own || v.own
			v = element
		}
		all = append(all, v)
	}
	return all
}
