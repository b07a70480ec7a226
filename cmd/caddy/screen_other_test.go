//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

func (s *script) screen(*testscript.TestScript, []string) {
	s.t.Skip("terminals are made on Linux alone")
}
