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
	} {
		if got := Match(c.glob, c.text); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.glob, c.text, got)
		}
	}
}
