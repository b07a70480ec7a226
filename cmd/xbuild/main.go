// Command xbuild builds the Caddy binary that an xcaddy.json describes:
//
//	go run ./cmd/xbuild [-o caddy] [xcaddy.json]
//
// The file is xcaddy's Builder in JSON, which no command of xcaddy itself
// reads. Its paths are relative to the folder it is in. A key that Builder does
// not have is an error; its timeouts are numbers of nanoseconds.
//
// A plugin whose own module is replaced by a folder needs a version, such as
// v0.0.0. The version is never downloaded, but without one Go asks the module
// proxy which versions there are, and fails if the proxy refuses to tell.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/caddyserver/xcaddy"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: xbuild [-o caddy] [xcaddy.json]")
		flag.PrintDefaults()
	}
	output := flag.String("o", "caddy", "the `file` to write")
	flag.Parse()
	path := "xcaddy.json"
	switch flag.NArg() {
	case 0:
	case 1:
		path = flag.Arg(0)
	default:
		flag.Usage()
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := build(ctx, path, *output); err != nil {
		fmt.Fprintln(os.Stderr, "xbuild:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, path, output string) error {
	builder, err := load(path)
	if err != nil {
		return err
	}
	if err := builder.Build(ctx, output); err != nil {
		return fmt.Errorf("building %s from %s: %w", output, path, err)
	}
	return nil
}

// load reads a builder from a file and makes its paths absolute, since xcaddy
// works in a folder of its own.
func load(path string) (xcaddy.Builder, error) {
	f, err := os.Open(path)
	if err != nil {
		return xcaddy.Builder{}, err
	}
	defer f.Close()
	b, err := decode(f)
	if err != nil {
		return b, fmt.Errorf("reading %s: %w", path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return b, err
	}
	if err := anchor(&b, dir); err != nil {
		return b, fmt.Errorf("reading %s: %w", path, err)
	}
	return b, nil
}

func decode(r io.Reader) (xcaddy.Builder, error) {
	var b xcaddy.Builder
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return b, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return b, errors.New("something follows the JSON object")
	}
	return b, nil
}

// anchor makes relative paths start at dir.
func anchor(b *xcaddy.Builder, dir string) error {
	for i, r := range b.Replacements {
		folder := string(r.New)
		// As in go.mod, what does not start with a dot or a slash is a module path.
		if strings.HasPrefix(folder, ".") {
			folder = filepath.Join(dir, folder)
			b.Replacements[i].New = xcaddy.ReplacementPath(folder)
		}
		if !filepath.IsAbs(folder) {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err != nil {
			return fmt.Errorf("replacing %s: %w", r.Old, err)
		}
	}
	for i, e := range b.EmbedDirs {
		if !filepath.IsAbs(e.Dir) {
			b.EmbedDirs[i].Dir = filepath.Join(dir, e.Dir)
		}
	}
	if b.PgoProfile != "" && !filepath.IsAbs(b.PgoProfile) {
		b.PgoProfile = filepath.Join(dir, b.PgoProfile)
	}
	return nil
}
