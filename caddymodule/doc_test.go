package caddymodule

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocNamesFunctions: each function or variable in the tables of the package comment
// is declared in the file that stands beside it, and each file that is named exists.
func TestDocNamesFunctions(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := make(map[string]map[string]bool)
	for _, file := range regexp.MustCompile(`\w+\.go\b`).FindAllString(string(text), -1) {
		if declared[file] != nil {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("doc.go names %s: %v", file, err)
		}
		declared[file] = make(map[string]bool)
		for _, d := range parsed.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				declared[file][d.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok {
						declared[file][v.Names[0].Name] = true
					}
				}
			}
		}
	}
	rows := regexp.MustCompile(`(?m)^//\t(\w+) +(\w+\.go) +\S`).FindAllStringSubmatch(string(text), -1)
	if tabs := strings.Count(string(text), "\n//\t"); len(rows) != tabs || tabs == 0 {
		t.Errorf("%d of %d rows name a declaration and a file", len(rows), tabs)
	}
	for _, row := range rows {
		if !declared[row[2]][row[1]] {
			t.Errorf("doc.go says that %s is in %s", row[1], row[2])
		}
	}
}
