package terminal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"
)

// Table is what a command prints in columns. On a terminal its lines end where
// the terminal does, so that each row stays one line; elsewhere they are whole.
type Table struct {
	text bytes.Buffer
	w    *tabwriter.Writer
}

// NewTable returns a table whose first row is the columns.
func NewTable(columns ...string) *Table {
	t := new(Table)
	t.w = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	t.Row(columns...)
	return t
}

// Row adds a row. Cells come from [Cell] where others have written them.
func (t *Table) Row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }

// Print writes the table.
func (t *Table) Print(out io.Writer) error {
	if err := t.w.Flush(); err != nil {
		return err
	}
	width := 0
	if f, ok := out.(*os.File); ok && IsTerminal(f) {
		width, _, _ = term.GetSize(int(f.Fd()))
	}
	for line := range strings.Lines(t.text.String()) {
		if _, err := fmt.Fprintln(out, cut(strings.TrimRight(line, " \n"), width)); err != nil {
			return err
		}
	}
	return nil
}

// cut ends a line at the width; 0 is any.
func cut(line string, width int) string {
	if runes := []rune(line); width > 1 && len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return line
}
