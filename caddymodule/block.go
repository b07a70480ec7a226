package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// A block is the table of all lines that a block of the Caddyfile may have, in the
// order in which errors list them. The reading, the check for doubled lines and the
// proposals for mistyped ones come from it.
type block[T any] struct {
	title string // stands before errors; empty for the endpoint's own block and the global option's
	lines []subdirective[T]

	// check, unless nil, checks the values after each line, so that the error has the
	// number of that line. A JSON configuration is checked when it is provisioned.
	check func(to T) error
}

// A subdirective is one line of a block, which may begin a block of its own.
type subdirective[T any] struct {
	name string

	// read gets the dispenser on the name. It stores the values in to.
	read func(to T, d *caddyfile.Dispenser) error

	// many allows the line more than once.
	many bool

	// twice is the advice in the error of a line that is given twice.
	twice string
}

// names returns the names of the lines.
func (b block[T]) names() []string {
	names := make([]string, len(b.lines))
	for i, l := range b.lines {
		names[i] = l.name
	}
	return names
}

// has reports whether the block may have a line of this name.
func (b block[T]) has(name string) bool { return slices.Contains(b.names(), name) }

// readLine reads the line on which d stands into to. seen has the lines of this block
// that were read before. readLine returns false if the block has no such line.
func (b block[T]) readLine(to T, d *caddyfile.Dispenser, seen map[string]bool) (found bool, err error) {
	name := d.Val()
	i := slices.IndexFunc(b.lines, func(l subdirective[T]) bool { return l.name == name })
	if i < 0 {
		return false, nil
	}
	l := b.lines[i]
	if seen[name] && !l.many {
		return true, d.Errf("%s%s is given twice%s", b.title, name, l.twice)
	}
	seen[name] = true
	if err := l.read(to, d); err != nil || b.check == nil {
		return true, err
	}
	if err := b.check(to); err != nil {
		return true, d.Err(err.Error())
	}
	return true, nil
}

// readAll reads a block to its end and returns the number of its lines. Every line has
// to be in the table.
func (b block[T]) readAll(to T, d *caddyfile.Dispenser, nesting int) (lines int, err error) {
	seen := make(map[string]bool)
	for ; d.NextBlock(nesting); lines++ {
		name := d.Val()
		found, err := b.readLine(to, d, seen)
		if err != nil {
			return lines, err
		}
		if !found {
			kind := "unknown subdirective"
			if b.title != "" {
				kind = "unknown line"
			}
			return lines, d.Errf("%s%s %q%s; there are %s", b.title, kind, name, didYouMean(name, b.names()), enumerate(b.names()))
		}
	}
	return lines, nil
}

// readPart reads `<name> off` or a block with at least one line.
func (b block[T]) readPart(to T, d *caddyfile.Dispenser) (off bool, err error) {
	name, nesting := d.Val(), d.Nesting()
	if d.NextArg() {
		if d.Val() != "off" || d.NextArg() {
			return false, d.Errf("write `%s { … }` or `%[1]s off`", name)
		}
		if d.NextBlock(nesting) {
			return false, d.Errf("%s is off or has a block, not both", name)
		}
		return true, nil
	}
	lines, err := b.readAll(to, d, nesting)
	if err == nil && lines == 0 {
		err = d.Errf("%s says nothing: write `%[1]s { … }` or `%[1]s off`", name)
	}
	return false, err
}

// within returns the lines of a part as lines of the whole.
func within[T, P any](part func(T) P, lines []subdirective[P]) []subdirective[T] {
	var all []subdirective[T]
	for _, l := range lines {
		all = append(all, subdirective[T]{
			name: l.name, many: l.many, twice: l.twice,
			read: func(to T, d *caddyfile.Dispenser) error { return l.read(part(to), d) },
		})
	}
	return all
}

// enumerate joins words as in a sentence, with "and" before the last one.
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
