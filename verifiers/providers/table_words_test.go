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
	}
	return "an independent implementation"
}

func answer(name string, a verifiers.Answer, status int) string {
	if (a == verifiers.Answer{}) {
		return ""
	}
	return fmt.Sprintf("%s %d%s", name, cmp.Or(a.Status, status), when(a.Body != "", " "+code(a.Body)))
}
