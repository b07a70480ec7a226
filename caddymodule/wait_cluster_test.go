package caddymodule

import (
	"net/http"
	"reflect"
	"testing"
)

// TestAnswerElsewhere: an answer reaches another gateway byte for byte, and nothing else is one.
func TestAnswerElsewhere(t *testing.T) {
	for _, a := range []senderAnswer{
		{201, http.Header{"X-Two": {"1", "2"}, "X-Latin": {"caf\xe9"}, "x-odd": {""}}, []byte("line\nand \x00\xff")},
		{204, http.Header{}, []byte{}},
	} {
		if got, ok := decodeAnswer(a.encode()); !ok || !reflect.DeepEqual(got, a) {
			t.Errorf("%+v became %+v", a, got)
		}
	}
	for _, text := range []string{
		"", "\n", "{}\n", `{"status":200}`, `{"status":500,"header":{}}` + "\nbody", `{"status":101}` + "\n",
		`{"at":"2026-01-01T00:00:00Z","status":200}`, // an attempt
	} {
		if a, ok := decodeAnswer([]byte(text)); ok {
			t.Errorf("%q is the answer %+v", text, a)
		}
	}
}
