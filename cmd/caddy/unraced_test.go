package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// unraced skips a test under the race detector: it starts many processes, or measures one,
// and the detector multiplies what they take. The Makefile runs it without. The code that it
// goes through is under the detector in caddymodule and queue/postgres.
func unraced(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("runs without the race detector")
	}
}

// TestUnraced: the Makefile runs each of the tests that the race detector skips.
func TestUnraced(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^UNRACED = (.*)\$\$$`).FindSubmatch(makefile)
	if line == nil {
		t.Fatal("the Makefile has no line UNRACED")
	}
	runs := regexp.MustCompile(string(line[1]) + "$")
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	skipped := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			test, ok := decl.(*ast.FuncDecl)
			if !ok || !test.Name.IsExported() {
				continue
			}
			ast.Inspect(test, func(n ast.Node) bool {
				if called, ok := n.(*ast.Ident); ok && called.Name == "unraced" {
					skipped++
					if !runs.MatchString(test.Name.Name) {
						t.Errorf("%s runs nowhere: add it to UNRACED in the Makefile", test.Name.Name)
					}
				}
				return true
			})
		}
	}
	if skipped == 0 {
		t.Error("found no test that calls unraced")
	}
}
