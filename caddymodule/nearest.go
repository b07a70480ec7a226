package caddymodule

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// didYouMean returns the end of an error with the name that is nearest to a mistyped
// one. It is empty if none is near.
func didYouMean(typed string, names []string) string {
	best, least := "", 3
	for _, name := range names {
		distance := edits(plain(typed), plain(name))
		if distance < least && distance < len(plain(name))/2 {
			best, least = name, distance
		}
	}
	if best == "" {
		best = onlyOneBeginning(plain(typed), names)
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

// onlyOneBeginning returns the name that begins so, if there is no other one. It takes
// three letters.
func onlyOneBeginning(typed string, names []string) (found string) {
	for _, name := range names {
		if len(typed) < 3 || !strings.HasPrefix(plain(name), typed) {
			continue
		}
		if found != "" {
			return ""
		}
		found = name
	}
	return found
}

// plain returns a name without case, hyphens and the like, which people forget.
func plain(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(strings.ToLower(name))
}

// edits counts the bytes that must be added, removed or changed to turn a into b
// (Levenshtein's distance).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// providerNames returns the names of all providers.
func providerNames() []string {
	rows := registered()
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = row.Name
	}
	return names
}

// subdirectives returns the names of the lines of an endpoint's block, without the
// provider's own options.
func subdirectives() []string {
	return append(providerBlock.names(), endpointBlock.names()...)
}

// misplaced returns the end of an error about a line that belongs into another block.
// It is empty if no block has the line.
func misplaced(name string) string {
	if forwardBlock.has(name) {
		return "; it stands in the block of a forward: `forward { " + name + " … }`"
	}
	if _, err := caddy.GetModule("http.handlers." + name); err == nil {
		return "; handlers stand in a block of their own, `forward { … }` for what delivers or `before { … }` for what comes first, " +
			"or after the endpoint, which then has no forward"
	}
	return ""
}

// known returns the end of an error about an unknown subdirective: the likely one, or a
// list.
func (p *Provider) known(name string) string {
	if text := misplaced(name); text != "" {
		return text
	}
	own := make([]string, len(p.row.Options))
	for i, o := range p.row.Options {
		own[i] = o.Name
	}
	meant := didYouMean(name, append(subdirectives(), own...))
	switch {
	case meant != "":
		return meant
	case len(own) > 0:
		return "; of its own, " + p.row.Name + " has " + strings.Join(own, ", ")
	case len(p.row.Docs) > 0:
		return "; " + p.row.Name + " has no options of its own. docs/configuration.md lists the subdirectives"
	}
	return "; docs/configuration.md lists the subdirectives"
}
