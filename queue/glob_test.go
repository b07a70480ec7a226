package queue

import "testing"

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		glob, text string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "payment.created", true},
		{"payment.*", "payment.created", true},
		{"payment.*", "payment.", true},
		{"payment.*", "payment", false},
		{"payment.*", "repayment.created", false},
		{"*.created", "payment.created", true},
		{"*.created", "payment.created.twice", false},
		{"*a*b*", "xxaxxbxx", true},
		{"*a*b*", "xxbxxaxx", false},
		{"a**b", "ab", true},
		{"a*ab", "aaab", true},
		{"a.b", "axb", false},
		{"A", "a", false},
		{"ä*", "äö", true},
		{"a*b*a", "aba", true},
		{"a*b*a", "aa", false},
		{"aba*ab", "abab", false},
		{"**", "x", true},
		{"a*b", "a[b", true},
	} {
		if got := Match(c.glob, c.text); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.glob, c.text, got)
		}
	}
}

// FuzzMatch holds the matcher against a plain one.
func FuzzMatch(f *testing.F) {
	f.Add("payment.*", "payment.created")
	f.Add("*a*a*", "aa")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 12 || len(text) > 30 {
			return
		}
		var plain func(p, s string) bool
		plain = func(p, s string) bool {
			switch {
			case p == "":
				return s == ""
			case p[0] == '*':
				return plain(p[1:], s) || s != "" && plain(p, s[1:])
			}
			return s != "" && s[0] == p[0] && plain(p[1:], s[1:])
		}
		if got := Match(pattern, text); got != plain(pattern, text) {
			t.Errorf("Match(%q, %q) = %v", pattern, text, got)
		}
	})
}
