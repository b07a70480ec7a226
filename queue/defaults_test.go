package queue

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestDocumentedDefaults: docs/configuration.md states the defaults of retries and
// circuits that the code has.
func TestDocumentedDefaults(t *testing.T) {
	docs, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	b, c := Backoff{}.withDefaults(), Circuit{}.withDefaults()
	if b.MaxAttempts != 0 || !b.Final(http.StatusGone) || b.Final(http.StatusNotFound) || b.RetryAfterMax != b.Cap {
		t.Error("the docs state other defaults for attempts, final and retry_after")
	}
	for _, text := range []string{
		"| `attempts <n>` or `off` | off |",
		fmt.Sprintf("| `age <duration>` or `off` | %g h |", b.MaxAge.Hours()),
		fmt.Sprintf("| `backoff <base> [<factor> [<cap>]]` | %g s %g %g h |", b.Base.Seconds(), b.Factor, b.Cap.Hours()),
		fmt.Sprintf("| `final <status...>` or `none` | %d |", http.StatusGone),
		"| `retry_after <duration>` or `off` | the backoff's cap |",
		fmt.Sprintf("| `consecutive <n>` or `off` | %d |", c.Consecutive),
		fmt.Sprintf("| `share <percent> [<attempts>]` or `off` | %g%% %d |", 100*c.Share, c.Minimum),
		fmt.Sprintf("| `window <duration>` | %g m |", c.Window.Minutes()),
		fmt.Sprintf("| `open <first> [<longest>]` | %g s %g m |", c.Open.Seconds(), c.OpenMax.Minutes()),
		fmt.Sprintf("| `probes <n>` | %d |", c.Probes),
	} {
		if !strings.Contains(string(docs), text) {
			t.Errorf("docs/configuration.md does not contain %q", text)
		}
	}
}
