package providers_test

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// plain is text that Markdown shall leave alone.
var plain = strings.NewReplacer("*", `\*`, "<", "&lt;", "\n", " ").Replace

func code(text string) string {
	if text == "" {
		return "–"
	}
	fence := "`"
	if strings.Contains(text, "`") {
		fence = "``"
	}
	return fence + strings.ReplaceAll(text, "\n", `\n`) + fence
}

func when(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// span writes a duration without the zero units at its end.
func span(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "0s")
	if !strings.HasSuffix(s, "m") {
		return d.String()
	}
	if trimmed, ok := strings.CutSuffix(s, "h0m"); ok {
		return trimmed + "h"
	}
	return s
}

// bytesText writes a size in the largest unit that divides it.
func bytesText(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n%u.size == 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// because adds the reason for something.
func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ". " + plain(why)
}

func judgeText(kind, by string) string {
	switch kind {
	case "sdk":
		return "SDK `" + by + "`"
	case "vendor":
		return "the vendor's example, " + by
	case "fixture":
		return "a signed request in somebody else's tests, " + by
	}
	return "an independent implementation"
}

func answer(name string, a verifiers.Answer, status int) string {
	return fmt.Sprintf("%s %d%s", name, cmp.Or(a.Status, status), when(a.Body != "", " "+code(a.Body)))
}
