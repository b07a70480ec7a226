package folder

import (
	"errors"
	"testing"
)

func TestOnGuarded(t *testing.T) {
	if OnGuarded() {
		t.Error("a test is not below Guarded")
	}
	below := false
	deep := func() { below = OnGuarded() }
	if err := Guarded(func() error { deep(); return nil }); err != nil || !below {
		t.Errorf("below Guarded: %v, %v", below, err)
	}
	other := make(chan bool)
	_ = Guarded(func() error {
		go func() { other <- OnGuarded() }()
		below = <-other
		return nil
	})
	if below {
		t.Error("another goroutine is not below Guarded")
	}
	cause := errors.New("cause")
	if err := Guarded(func() error { panic(cause) }); !errors.Is(err, cause) {
		t.Errorf("a panic with an error: %v", err)
	}
	if err := Guarded(func() error { panic("text") }); err == nil {
		t.Error("a panic with a text is lost")
	}
}
