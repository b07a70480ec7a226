package inspector

import (
	"regexp"
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

// callExpr traces a call: of a function that the tracer knows, of a list's method, or of
// the page's own functions.
func (t *tracer) callExpr(x *js.CallExpr) *value {
	if name := t.known(x.X); name != "" {
		if v := t.callKnown(name, x); v != nil {
			return v
		}
	}
	if dot, ok := x.X.(*js.DotExpr); ok {
		on := t.eval(dot.X)
		args := t.args(x.Args)
		if name := nameOf(dot.Y); name == "then" {
			t.call(args[0], []*value{on}, x)
			t.handOut(args[1:], x)
			return own()
		}
		if on.isList() {
			if v := t.method(on, nameOf(dot.Y), args, dot.X, x); v != nil {
				return v
			}
		}
		return t.call(t.read(on, nameOf(dot.Y), dot), args, x)
	}
	return t.call(t.eval(x.X), t.args(x.Args), x)
}

// callKnown is nil where the call is like any other.
func (t *tracer) callKnown(name string, x *js.CallExpr) *value {
	args := func() []*value {
		all := t.args(x.Args)
		for len(all) < 3 {
			all = append(all, new(value))
		}
		return all
	}
	cell := func(of js.INode) *value {
		if t.cells[of] == nil {
			t.cells[of] = new(value)
		}
		return t.cells[of]
	}
	switch name {
	case "get", "post", "remove":
		return t.operation(map[string]string{"get": "GET", "post": "POST", "remove": "DELETE"}[name], x)
	case "json": // api.js hands on an answer by its operation, and reads failures itself
		return &value{schemas: map[string]bool{"Error": true}}
	case "listen":
		t.call(args()[0], []*value{own(), {schemas: stream}}, x)
		return own()
	case "useLoad":
		a := args()
		return &value{items: []*value{t.call(a[0], nil, x), own(), own()}}
	case "part":
		args()
		return own()
	case "useState":
		c := cell(x)
		t.join(c, args()[0])
		return &value{items: []*value{c, {state: c}}}
	case "useRef":
		c := cell(x)
		t.join(c, args()[0])
		return &value{ref: c}
	case "h":
		a := args()
		t.call(a[0], a[1:2], x)
		return own()
	case "Object.keys":
		args()
		return &value{list: own()}
	case "Object.values", "Object.entries":
		v := args()[0]
		m := t.joined(v.members, v.others)
		for _, one := range v.object {
			m = t.joined(m, one)
		}
		m.own = m.own || v.own
		if len(v.schemas) > 0 {
			t.problem(x, "fields of the API are read by computed names")
		}
		if name == "Object.entries" {
			m = &value{items: []*value{own(), m}}
		}
		return &value{list: m}
	case "Object.assign":
		a := args()
		add := &value{own: a[1].own, object: a[1].object, others: t.joined(a[1].others, a[1].members)} // a map becomes members of the object
		if len(a[1].schemas) > 0 {
			t.problem(x, "an object of the API is mixed with another")
		}
		t.assign(x.Args.List[0].Value, add)
		return a[0]
	case "Array.from":
		a := args()
		if !a[0].isList() {
			return nil
		}
		if len(a[1].funcs) > 0 {
			return &value{list: t.call(a[1], []*value{a[0].element(), own()}, x)}
		}
		return &value{list: a[0].element()}
	case "Promise.all":
		return args()[0]
	}
	return nil
}

// method is a method of a list; nil: it has none of that name here.
func (t *tracer) method(on *value, name string, args []*value, place js.IExpr, x *js.CallExpr) *value {
	element := on.element()
	element.own = element.own || on.own
	each := func() *value {
		if len(args) == 0 {
			return new(value)
		}
		return t.call(args[0], []*value{element, own(), on}, x)
	}
	switch name {
	case "map":
		return &value{list: each()}
	case "flatMap":
		v := each()
		inner := t.joined(v.element())
		if !v.isList() {
			inner = v
		}
		return &value{list: inner}
	case "filter":
		each()
		return &value{list: element}
	case "find":
		each()
		return element
	case "some", "every", "forEach", "findIndex":
		each()
		return own()
	case "sort":
		if len(args) > 0 {
			t.call(args[0], []*value{element, element}, x)
		}
		return &value{list: element}
	case "slice", "splice", "toReversed", "reverse":
		return &value{list: element}
	case "at", "pop", "shift":
		return element
	case "concat":
		for _, a := range args {
			if a.isList() {
				element = t.joined(element, a.element())
			} else {
				element = t.joined(element, a)
			}
		}
		return &value{list: element}
	case "push", "unshift":
		t.assign(place, &value{list: t.joined(args...)})
		return own()
	case "includes", "join", "indexOf", "has", "keys":
		return own()
	}
	return nil
}

// attribute is the name of an attribute whose value comes next, or goes on.
var attribute = regexp.MustCompile(`([\w-]+)=["']?[^"'=<>]*$`)

// template traces a template. In html, components are functions that are called with
// their attributes, and other attributes may be handlers, which the browser calls.
func (t *tracer) template(x *js.TemplateExpr) *value {
	if x.Tag == nil || t.known(x.Tag) != "html" {
		if x.Tag != nil {
			t.eval(x.Tag)
		}
		for _, p := range x.List {
			t.eval(p.Expr)
		}
		return own()
	}
	var component, props *value
	inTag := false
	leave := func() {
		if component != nil {
			t.call(component, []*value{props}, x)
		}
		component, inTag = nil, false
	}
	for i, p := range x.List {
		text := string(p.Value)
		if i == 0 {
			text = strings.TrimPrefix(text, "`")
		}
		text = strings.TrimSuffix(text, "${")
		text = strings.TrimPrefix(text, "}")
		opened, closed := strings.LastIndex(text, "<"), strings.LastIndex(text, ">")
		if strings.Contains(text, ">") {
			leave()
		}
		if opened > closed {
			component, inTag = nil, true
		}
		v := t.eval(p.Expr)
		name := attribute.FindStringSubmatch(text)
		switch {
		case strings.HasSuffix(text, "<"):
			component, props = v, &value{object: make(map[string]*value)}
		case !inTag:
		case strings.HasSuffix(text, "...") && component != nil:
			props = t.joined(props, v)
		case name != nil && component != nil:
			props.object[name[1]] = t.joined(v)
		case name != nil:
			t.handOut([]*value{v}, x)
		}
	}
	leave()
	return own()
}

// operation is a call of the API: its answer, and what it is asked.
func (t *tracer) operation(method string, x *js.CallExpr) *value {
	args := t.args(x.Args)
	out := new(value)
	paths := t.paths(x.Args.List[0].Value)
	if len(paths) == 0 {
		t.problem(x, "it cannot be seen which operation this is")
	}
	for _, path := range paths {
		o, ok := t.api.operations[method+" /"+path]
		if !ok {
			t.problem(x, "the API has no operation %s /%s", method, path)
			continue
		}
		t.calls[method+" /"+path] = true
		out = t.joined(out, o.answer)
		if len(args) > 1 {
			t.asked(args[1], o.asked, x)
		}
	}
	return out
}

// asked holds the members of a request against what the operation takes.
func (t *tracer) asked(v *value, takes map[string]*value, x *js.CallExpr) {
	for name, m := range v.object {
		taken, ok := takes[name]
		if !ok {
			t.problem(x, "the operation takes no %s", name)
			continue
		}
		for s := range taken.schemas {
			t.asked(m, t.api.schemas[s], x)
		}
	}
}

// paths are the paths that an expression can be; none: that cannot be seen.
func (t *tracer) paths(x js.IExpr) []string {
	switch x := x.(type) {
	case *js.LiteralExpr:
		return []string{strings.Trim(string(x.Data), `"`)}
	case *js.GroupExpr:
		return t.paths(x.X)
	case *js.CondExpr:
		return append(t.paths(x.X), t.paths(x.Y)...)
	case *js.Var:
		if init := t.inits[t.canonical(x)]; init != nil {
			return t.paths(init)
		}
	case *js.CallExpr:
		if t.known(x.X) == "part" {
			return []string{"{}"}
		}
	case *js.BinaryExpr:
		var all []string
		for _, a := range t.paths(x.X) {
			for _, b := range t.paths(x.Y) {
				all = append(all, a+b)
			}
		}
		return all
	}
	return nil
}
