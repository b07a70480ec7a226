// Package architecture holds no code, only the test that keeps the direction of
// the dependencies between the packages of this module.
package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hookwicket/hookwicket"

// rules say which folders of this module another may import, and whether it may
// import Caddy. What has no rule falls under that of the folder it is in. Every
// import is checked, so what a package reaches through others is held as well.
var rules = map[string]rule{
	".":                   {uses: []string{"caddymodule", "cli", "internal"}, caddy: true},
	"verifiers":           {},
	"verifiers/providers": {uses: []string{"verifiers"}},
	"verifiers/explain":   {uses: []string{"verifiers"}},
	"verifiers/keysource": {uses: []string{"verifiers"}},
	"dedupe":              {uses: []string{"queue"}},
	"refused":             {uses: []string{"queue", "verifiers"}},
	"queue":               {},
	"queue/seal":          {uses: []string{"queue"}},
	"queue/window":        {uses: []string{"queue"}},
	"queue/move":          {uses: []string{"queue", "queue/seal", "queue/window"}},
	"queue/pebble":        {uses: []string{"queue", "queue/seal", "queue/window", "queue/pebble/engine", "queue/pebble/record", "queue/pebble/folder"}},
	"queue/pebble/engine": {uses: []string{"queue/pebble/folder"}, errors: []string{"queue"}},
	"queue/pebble/record": {uses: []string{"queue", "queue/seal", "queue/window"}},
	"queue/pebble/folder": {errors: []string{"queue"}},
	"queue/pebble/check":  {uses: []string{"queue", "queue/seal", "queue/window", "queue/pebble/record", "queue/pebble/folder"}},
	"queue/pebble/moving": {uses: []string{"queue", "queue/move", "queue/seal", "queue/window", "queue/pebble/check", "queue/pebble/record", "queue/pebble/folder"}},
	"queue/postgres":      {uses: []string{"queue", "queue/move", "queue/seal", "queue/window"}},
	"queue/queuetest":     {uses: []string{"queue"}},
	"adminapi":            {uses: []string{"queue", "internal"}},
	"inspector":           {uses: []string{"adminapi"}},
	"cli":                 {uses: []string{"adminapi", "inspector", "queue", "internal"}, caddy: true},
	"caddymodule":         {uses: append(all, "queue/move", "queue/pebble/check", "queue/pebble/moving", "adminapi", "inspector", "internal"), caddy: true},
	"cmd/caddy":           {uses: []string{"."}, caddy: true},
	"cmd/xbuild":          {},
	"bench":               {uses: append(all, "caddymodule"), caddy: true},
	"examples":            {},
	"internal":            {},
}

var all = []string{"verifiers", "verifiers/providers", "verifiers/keysource", "verifiers/explain", "dedupe", "refused", "queue", "queue/pebble", "queue/postgres"}

type rule struct {
	uses   []string
	errors []string // folders of which it may use the errors alone
	caddy  bool
}

// ruleFor returns the rule for a folder and the folder it is written for. Only
// the root itself falls under the root's.
func ruleFor(folder string) (rule, string, bool) {
	for name := folder; name != "." || folder == "."; name = path.Dir(name) {
		if r, ok := rules[name]; ok {
			return r, name, true
		}
	}
	return rule{}, "", false
}

func within(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

// source is a file that is not a test.
type source struct {
	folder string // "." is the root
	file   *ast.File
	fset   *token.FileSet
}

func (s source) imports() (paths []string) {
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// uses returns where the file uses an exported name of an imported package. A dot
// import counts as a use of everything.
func (s source) uses(imported string) (found []*ast.SelectorExpr) {
	name := path.Base(imported)
	if strings.HasPrefix(name, "v") && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(imported)) // a major version
	}
	for _, spec := range s.file.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p != imported || spec.Name == nil {
			continue
		}
		if name = spec.Name.Name; name == "." {
			return []*ast.SelectorExpr{{X: spec.Name, Sel: ast.NewIdent("everything")}}
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name {
				found = append(found, sel)
			}
		}
		return true
	})
	return found
}

func (s source) at(pos token.Pos) token.Position { return s.fset.Position(pos) }

// sources parses the files of this module. It reads them itself instead of
// asking the go command, so that a change of any of them outdates a cached test.
func sources(t *testing.T) (list []source) {
	t.Helper()
	root := filepath.Join("..", "..")
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			nested := err == nil
			if nested || d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		list = append(list, source{filepath.ToSlash(folder), file, fset})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 5 {
		t.Fatalf("found only %d files", len(list))
	}
	return list
}

func TestDependenciesPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		r, from, ok := ruleFor(s.folder)
		if !ok {
			t.Errorf("%s: write a rule for what it may import", s.folder)
			continue
		}
		for _, imported := range s.imports() {
			if within(imported, "github.com/caddyserver/caddy/v2") && !r.caddy {
				t.Errorf("%s imports %s: it must do without Caddy", s.at(s.file.Package), imported)
			}
			if !within(imported, module) {
				continue
			}
			_, to, _ := ruleFor(path.Clean("./" + strings.TrimPrefix(imported, module)))
			if slices.Contains(r.errors, to) {
				for _, used := range s.uses(imported) {
					if !strings.HasPrefix(used.Sel.Name, "Err") {
						t.Errorf("%s uses %s of %s: %s may use only its errors", s.at(used.Pos()), used.Sel.Name, imported, from)
					}
				}
			} else if to != from && !slices.Contains(r.uses, to) {
				t.Errorf("%s imports %s: %s may use only %q", s.at(s.file.Package), imported, from, r.uses)
			}
		}
	}
}

// The engine owns the folder. The store reaches files through it alone: it may name a
// file system in its options, and use none.
func TestStoreTouchesNoFiles(t *testing.T) {
	found := 0
	for _, s := range sources(t) {
		if s.folder != "queue/pebble" {
			continue
		}
		found++
		for _, imported := range s.imports() {
			switch imported {
			case "os", "io/fs", "path/filepath", "syscall":
				t.Errorf("%s imports %s: files belong to the engine", s.at(s.file.Package), imported)
			case "github.com/cockroachdb/pebble/v2/vfs":
				for _, used := range s.uses(imported) {
					if used.Sel.Name != "FS" {
						t.Errorf("%s uses vfs.%s: files belong to the engine", s.at(used.Pos()), used.Sel.Name)
					}
				}
			case "github.com/cockroachdb/pebble/v2":
				for _, used := range s.uses(imported) {
					if used.Sel.Name == "Open" {
						t.Errorf("%s opens a database: that belongs to the engine", s.at(used.Pos()))
					}
				}
			}
		}
	}
	if found == 0 {
		t.Error("found no files")
	}
}

// What is for tests may import package testing. Its folder is called so, and
// nothing that ships imports it.
func TestNothingThatShipsImportsTesting(t *testing.T) {
	forTests := func(name string) bool { return strings.HasSuffix(name, "test") }
	for _, s := range sources(t) {
		if forTests(s.folder) {
			continue
		}
		for _, imported := range s.imports() {
			if within(imported, "testing") || within(imported, module) && forTests(imported) {
				t.Errorf("%s imports %s", s.at(s.file.Package), imported)
			}
		}
	}
}

func TestVerifiersDoNotReadTheClock(t *testing.T) {
	found := 0
	for _, s := range sources(t) {
		if !within(s.folder, "verifiers") || within(s.folder, "verifiers/keysource") { // a cache has to age
			continue
		}
		found++
		for _, pos := range clockReads(s.file) {
			t.Errorf("%s: reads the clock; take the time from the caller", s.at(pos))
		}
	}
	if found == 0 {
		t.Error("found no files")
	}
}

// clockReads finds where a file uses those functions of package time whose
// result depends on the present.
func clockReads(f *ast.File) (found []token.Pos) {
	name := ""
	for _, spec := range f.Imports {
		switch p, _ := strconv.Unquote(spec.Path.Value); {
		case p != "time":
		case spec.Name == nil:
			name = "time"
		case spec.Name.Name == ".": // there is no telling then
			return []token.Pos{spec.Pos()}
		default:
			name = spec.Name.Name
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if ok && x.Name == name && slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
			found = append(found, sel.Pos())
		}
		return true
	})
	return found
}
