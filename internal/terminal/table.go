package terminal

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Table is what a command prints in columns. On a terminal its lines end where
// the terminal does, so that each row stays one line; elsewhere they are whole.
type Table struct {
	rows   [][]string
	states int // the column whose cells are coloured on a terminal; 0: none
}

// NewTable returns a table whose first row is the columns.
func NewTable(columns ...string) *Table {
	t := new(Table)
	if len(columns) > 0 {
		t.Row(columns...)
	}
	return t
}

// Colours has the cells of a column, counted from 1, coloured as states.
func (t *Table) Colours(column int) *Table {
	t.states = column
	return t
}

// Row adds a row. Cells come from [Cell] where others have written them.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// Print writes the table.
func (t *Table) Print(out io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(cell))
		}
	}
	most, colours := widthOf(out), colourful(out)
	for _, row := range t.rows {
		var line strings.Builder
		from, to := 0, 0 // of the state
		for i, cell := range row {
			if i == t.states-1 {
				from, to = line.Len(), line.Len()+len(cell)
			}
			line.WriteString(Pad(cell, widths[i]) + "  ")
		}
		text := cut(strings.TrimRight(line.String(), " "), most)
		if colours && to > 0 && to <= len(text) {
			text = text[:from] + coloured(text[from:to]) + text[to:]
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	return nil
}

// Width is how many columns of a terminal a printable text takes: two for each wide
// character, such as most of Chinese and Japanese, and none for one that combines with
// the character before it.
func Width(s string) (n int) {
	for _, r := range s {
		n += widthOfRune(r)
	}
	return n
}

func widthOfRune(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Pad adds spaces up to a width.
func Pad(s string, n int) string { return s + strings.Repeat(" ", max(n-Width(s), 0)) }

// cut ends a line at the width; 0 is any.
func cut(line string, most int) string {
	if most <= 1 || Width(line) <= most {
		return line
	}
	n := 0
	for i, r := range line {
		if n += widthOfRune(r); n > most-1 {
			return line[:i] + "…"
		}
	}
	return line
}
