package caddymodule

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestManyEndpoints: the work of a load grows with the number of endpoints, and not with
// its square. The endpoints stand in one site and in a site for each, with and without a
// `forward`.
func TestManyEndpoints(t *testing.T) {
	lines := map[string]string{
		"forward":     "forward 127.0.0.1:9",
		"passthrough": "",
		"before":      "before {\n\theader X-Seen 1\n}\nforward 127.0.0.1:9",
	}
	for name, line := range lines {
		one := func(i int) string {
			return fmt.Sprintf("webhook_gateway /e%d github {\n\tname e%d\n\tsecret a-long-secret-%d\n\t%s\n}\n", i, i, i, line)
		}
		shapes := map[string]func(n int) string{
			"one site": func(n int) string {
				var b strings.Builder
				for i := range n {
					b.WriteString(one(i))
				}
				return "http://localhost:9080 {\n" + b.String() + "reverse_proxy 127.0.0.1:9\n}\n"
			},
			"a site each": func(n int) string {
				var b strings.Builder
				for i := range n {
					fmt.Fprintf(&b, "http://h%d.example.com:9080 {\n%sreverse_proxy 127.0.0.1:9\n}\n", i, one(i))
				}
				return b.String()
			},
		}
		for shape, text := range shapes {
			t.Run(name+", "+shape, func(t *testing.T) {
				bytes := func(n int) uint64 {
					config, err := adapt(text(n))
					if err != nil {
						t.Fatal(err)
					}
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					validate(t, config)
					runtime.ReadMemStats(&after)
					return after.TotalAlloc - before.TotalAlloc
				}
				bytes(5)
				few, many := bytes(40), bytes(160)
				if ratio := float64(many) / float64(few); ratio > 6 {
					t.Errorf("four times the endpoints took %.1f times the memory: %d and %d bytes", ratio, few, many)
				}
			})
		}
	}
}
