package verifiers

import (
	"strings"
	"testing"
)

// TestForm reads a field under any Content-Type.
func TestForm(t *testing.T) {
	part := func(name, value string) string {
		return "--x y\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	const end = "--x y--\r\n"
	for _, test := range []struct{ name, body, want string }{
		{"urlencoded", "b=1&a=x+y%21", "x y!"},
		{"urlencoded, not there", "b=1", ""},
		{"urlencoded, twice", "a=1&a=2", ""},
		{"urlencoded, name escaped", "%61=1", "1"},
		{"urlencoded, broken escape", "a=%zz", ""},
		{"multipart", part("b", "1") + part("a", "x\r\ny") + end, "x\r\ny"},
		{"multipart, not there", part("b", "1") + end, ""},
		{"multipart, twice", part("a", "1") + part("a", "2") + end, ""},
		{"multipart, cut off", part("a", "1"), ""},
		{"multipart, many parts", strings.Repeat(part("b", "1"), maxParts-1) + part("a", "1") + end, "1"},
		{"multipart, too many parts", strings.Repeat(part("b", "1"), maxParts) + part("a", "1") + end, ""},
		{"a file", strings.Replace(part("a", "1"), "\"a\"", "\"a\"; filename=\"a\"", 1) + end, ""},
		{"no boundary", "--\r\n\r\na=1", ""},
		{"JSON", ` {"a":"a=1&a"}`, ""},
		{"nothing", "", ""},
	} {
		for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=other", "text/plain"} {
			var in reading
			in.start(withType(received(test.body), kind))
			value, ok := in.formField("a")
			if value != test.want || ok != (test.want != "") {
				t.Errorf("%s as %s: %q, %v", test.name, kind, value, ok)
			}
		}
	}
}
