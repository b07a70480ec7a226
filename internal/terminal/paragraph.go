package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Paragraph prints a text behind a first column. On a terminal it is wrapped at the
// terminal's width, and its further lines begin under the first one. Elsewhere it is
// one line.
func Paragraph(out io.Writer, first, text string) {
	fmt.Fprintln(out, first+wrap(Printable(text), widthOf(out), Width(first)))
}

// widthOf returns the width of a terminal, and 0 for anything else.
func widthOf(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok || !IsTerminal(f) {
		return 0
	}
	width, _, _ := term.GetSize(int(f.Fd()))
	return width
}

// minWrapped is the narrowest column in which a text is wrapped.
const minWrapped = 20

// wrap breaks a text between words, so that no line is longer than width with the
// indent before it; 0 is any. A longer word has a line of its own.
func wrap(text string, width, indent int) string {
	if width-indent < minWrapped {
		return text
	}
	var b strings.Builder
	column := indent
	for i, word := range strings.Split(text, " ") {
		n := Width(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
