package folder

import (
	"fmt"
	"reflect"
	"runtime"
)

// Guarded runs f and turns a panic into an error. Pebble panics or logs fatally
// where it cannot continue, and the process must continue. It is not inlined, since
// OnGuarded looks for its name on the stack.
//
//go:noinline
func Guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok {
				err = fmt.Errorf("pebble: %w", e)
			} else {
				err = fmt.Errorf("pebble: %v", p)
			}
		}
	}()
	return f()
}

// guardedName is Guarded on a stack.
var guardedName = runtime.FuncForPC(reflect.ValueOf(Guarded).Pointer()).Name()

// OnGuarded reports whether Guarded is on the stack of the calling goroutine.
func OnGuarded() bool {
	var stack [128]uintptr
	frames := runtime.CallersFrames(stack[:runtime.Callers(2, stack[:])])
	for {
		frame, more := frames.Next()
		if frame.Function == guardedName {
			return true
		}
		if !more {
			return false
		}
	}
}

// Silent drops Pebble's messages. A fatal one ends the check.
type Silent struct{}

func (Silent) Infof(string, ...any) {}

func (Silent) Errorf(string, ...any) {}

func (Silent) Fatalf(format string, args ...any) {
	panic(fmt.Errorf(format, args...))
}
