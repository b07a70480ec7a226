//go:build race

package caddymodule

func init() { *many = 20_000 } // with the race detector all of it takes several times as long
