package postgres

import "testing"

func TestCopies(t *testing.T) {
	for _, c := range []struct {
		fsync, commit, names string
		want                 int64
	}{
		{"on", "on", "", 1},
		{"off", "on", "ANY 1 (a, b)", 0},
		{"on", "off", "ANY 1 (a, b)", 0},
		{"on", "local", "ANY 1 (a, b)", 1},
		{"on", "remote_write", "a", 1},
		{"on", "on", "a, b", 2},
		{"on", "on", "*", 2},
		{"on", "on", "ANY 2 (a, b, c)", 3},
		{"on", "remote_apply", "FIRST 1 (a)", 2},
		{"on", "on", " 2(a,b) ", 3},
	} {
		if got := copies(c.fsync, c.commit, c.names); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}
