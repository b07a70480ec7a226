package providers_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// TestAttackPacked sends bodies that become far larger, or another text, when they
// are unpacked, to the rows that unpack bodies.
func TestAttackPacked(t *testing.T) {
	tried := 0
	for _, p := range providers.All() {
		field := reflect.ValueOf(p.Scheme).FieldByName("Facts")
		if !field.IsValid() || !field.Interface().(verifiers.Facts).Inflate {
			continue
		}
		tried++
		scheme := filled(t, p)
		var v verifiers.Verifier
		for _, c := range credentials() {
			if compiled, err := scheme.Verifier(c.secret); err == nil {
				v = compiled
				break
			}
		}
		bomb := packed(make([]byte, 64<<20))
		for what, body := range map[string][]byte{
			"a bomb":              bomb,
			"a bomb in a bomb":    packed(bomb),
			"many members":        bytes.Repeat(packed(nil), 50_000),
			"a bomb of members":   bytes.Repeat(packed(make([]byte, 1<<20)), 64),
			"no gzip":             []byte("{}"),
			"nothing":             nil,
			"half of it":          packed([]byte("{}"))[:12],
			"something after it":  append(packed([]byte("{}")), "x"...),
			"a broken checksum":   broken(packed([]byte("{}"))),
			"a header that never": append([]byte("\x1f\x8b\x08\x1c\x00\x00\x00\x00\x00\xff\xff\xff"), make([]byte, 100)...),
		} {
			for _, encoding := range []string{"gzip", "GZIP", "x-gzip", "deflate", "br", "gzip, gzip", "identity, gzip", " gzip", "\x00"} {
				r := p.Sample.Request("https://hooks.example.com/in", atNoon, "id")
				r.Body = body
				r.Header.Set("Content-Encoding", encoding)
				if _, err := v.Verify(t.Context(), r); verifiers.ReasonOf(err) == "" {
					t.Errorf("%s: %s as %q: %v", p.Name, what, encoding, err)
				}
			}
		}
	}
	if tried == 0 {
		t.Skip("no row unpacks bodies")
	}
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func broken(b []byte) []byte {
	b[len(b)-5] ^= 1
	return b
}

// TestAttackMultipart rewrites a genuine multipart form so that another reader
// would find other fields in it.
func TestAttackMultipart(t *testing.T) {
	tried := 0
	attack(t, false, func(t *testing.T, v *vector, ev verifiers.Event) {
		body := string(v.request.Body)
		boundary, _, ok := strings.Cut(body, "\r\n")
		if !ok || !strings.HasPrefix(boundary, "--") {
			return
		}
		tried++
		part := func(disposition, value string) string {
			return boundary + "\r\nContent-Disposition: " + disposition + "\r\n\r\n" + value + "\r\n"
		}
		names := map[string]bool{}
		for _, m := range strings.Split(body, `name="`)[1:] {
			name, _, _ := strings.Cut(m, `"`)
			names[name] = true
		}
		for name := range names {
			genuine := strings.Count(body, `name="`+name+`"`)
			for _, disposition := range []string{
				`form-data; name="%s"`, `form-data; name=%s`, `form-data; NAME="%s"`, `form-data;name="%s"`, `form-data; name="%s"; x="y"`,
				"form-data;\tname=\"%s\"", `form-data; name*=UTF-8''%s`, `FORM-DATA; name="%s"`,
			} {
				for what, changed := range map[string]string{
					"before": part(fmt.Sprintf(disposition, name), "{}") + body,
					"after":  strings.Replace(body, boundary+"--", part(fmt.Sprintf(disposition, name), "{}")+boundary+"--", 1),
				} {
					if _, ok := v.tries(t, func(r *verifiers.Request) { r.Body = []byte(changed) }); ok && genuine > 0 {
						t.Errorf("accepted with a second %s %s (%s)", name, what, disposition)
					}
				}
			}
			// A file of the name is none of the form's fields, to apps as to us.
			file := part(fmt.Sprintf(`form-data; name="%s"; filename="x"`, name), "{}") + body
			if got, ok := v.tries(t, func(r *verifiers.Request) { r.Body = []byte(file) }); ok && !same(got, ev) && got.ID != ev.ID {
				t.Errorf("with a file called %s it is another event", name)
			}
		}
		for what, changed := range map[string]string{
			"no end":         strings.TrimSuffix(strings.TrimSpace(body), boundary+"--"),
			"too many parts": strings.Repeat(part(`form-data; name="x"`, ""), 10_000) + body,
			"long headers":   boundary + "\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n\r\n" + body,
			"bare newlines":  strings.ReplaceAll(body, "\r\n", "\n"),
			"other ends":     strings.ReplaceAll(body, boundary, boundary+"x"),
		} {
			if got, ok := v.tries(t, func(r *verifiers.Request) { r.Body = []byte(changed) }); ok && got.ID != ev.ID {
				t.Errorf("with %s it is another event: %+v", what, got)
			}
		}
	})
	if tried == 0 {
		t.Error("no vector is multipart")
	}
}
