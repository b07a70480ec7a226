// Package bench holds no code but the project's own benchmarks, which compare
// the gateway with what it is built on, side by side and in one run:
//
//	go test -run=NONE -bench=. ./bench
//
// README.md says what each line means.
package bench
