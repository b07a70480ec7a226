package queue

// Match reports whether a glob matches text as a whole. In the glob * stands for any
// text, and every other byte for itself. At worst the time grows with the product of
// both lengths.
func Match(glob, text string) bool {
	star, retry := -1, 0
	g, t := 0, 0
	for t < len(text) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, retry = g, t
			g++
		case g < len(glob) && glob[g] == text[t]:
			g++
			t++
		case star >= 0:
			retry++
			g, t = star+1, retry
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}
