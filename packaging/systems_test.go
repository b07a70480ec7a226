package packaging

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestSystems: the program is free of type errors on every system of a release. Compiling it
// for each takes minutes. Here the functions of other modules are parsed without their
// bodies.
func TestSystems(t *testing.T) {
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	build := goreleaser(t).Builds[0]
	for _, goos := range build.Goos {
		if goos == runtime.GOOS {
			continue // built by the other tests
		}
		t.Run(goos, func(t *testing.T) {
			loaded, err := packages.Load(&packages.Config{
				Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
					packages.NeedDeps | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesSizes,
				Dir: root, Env: append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos),
				BuildFlags: []string{"-tags=" + strings.Join(build.Tags, ",")},
				ParseFile: func(fset *token.FileSet, name string, src []byte) (*ast.File, error) {
					f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
					if f != nil && !strings.HasPrefix(name, root+string(filepath.Separator)) {
						for _, decl := range f.Decls {
							if fn, ok := decl.(*ast.FuncDecl); ok {
								fn.Body = nil
							}
						}
					}
					return f, err
				},
			}, build.Main)
			if err != nil {
				t.Fatal(err)
			}
			ours := 0
			packages.Visit(loaded, nil, func(p *packages.Package) {
				if !strings.HasPrefix(p.PkgPath, "github.com/hookwicket/hookwicket") {
					return
				}
				ours++
				for _, err := range p.Errors {
					t.Error(err)
				}
			})
			if ours < 20 {
				t.Errorf("only %d packages", ours)
			}
		})
	}
}
