package inspector

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// The vendored file is htm/preact/standalone.module.js of the npm package htm 3.1.1,
// byte for byte: Preact with its hooks, and htm.
const vendored = "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7"

func TestVendoredFile(t *testing.T) {
	content, err := files.ReadFile("ui/vendor/preact-htm.js")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != vendored {
		t.Errorf("ui/vendor/preact-htm.js has changed: %x", sum)
	}
}

// budget is the size of all files that a browser may load.
const budget = 120 << 10

// forbidden is what must not stand in the page's own files: text that becomes HTML or
// code, and anything inline or from elsewhere, which the Content-Security-Policy would
// block in any case.
var forbidden = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\(|new Function|https?://[a-z]|style="|\son[a-z]+="|<style|javascript:`)

// allowed are the URLs that are no loads: a namespace, and the beginnings of the URL in a
// curl command.
var allowed = strings.NewReplacer("http://www.w3.org/2000/svg", "")

var imported = regexp.MustCompile(`(?:import|export) [^;]*? from "([^"]*)"`)

// TestFiles: the page keeps its budget, loads nothing from elsewhere, and has all that it
// imports.
func TestFiles(t *testing.T) {
	size, own := 0, 0
	err := fs.WalkDir(files, "ui", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		at := path.Clean(strings.TrimPrefix(name, "ui"))
		if _, served := assets[at]; !served && at != "/index.html" {
			t.Errorf("%s is in the binary and is not served", name)
		}
		if path.Ext(name) == ".txt" {
			return nil // licences, which the page does not load
		}
		size += len(content)
		if strings.HasPrefix(name, "ui/vendor/") {
			return nil
		}
		own++
		text := allowed.Replace(string(content))
		for _, found := range forbidden.FindAllString(text, -1) {
			t.Errorf("%s contains %q", name, found)
		}
		for _, found := range imported.FindAllStringSubmatch(text, -1) {
			target := path.Join(path.Dir(at), found[1])
			if _, ok := assets[target]; !ok || !strings.HasPrefix(found[1], "./") {
				t.Errorf("%s imports %q, which is not served", name, found[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d own files", size, own)
	if size > budget {
		t.Errorf("the page has %d bytes, more than %d", size, budget)
	}
	if own < 5 {
		t.Errorf("only %d files were found", own)
	}
}
