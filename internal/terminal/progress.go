package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"
)

// Progress shows how far long work has come: a bar on a terminal, and a line
// every few seconds elsewhere.
type Progress struct {
	out    io.Writer
	bar    bool
	width  func() int // of the terminal
	what   string     // such as "redelivering"
	Total  int64
	now    func() time.Time
	began  time.Time
	last   time.Time // shown
	before int       // characters that the bar had
}

// The pauses between two pictures of the progress.
const (
	barPause  = 100 * time.Millisecond
	linePause = 5 * time.Second
)

// NewProgress returns the progress of work on so many, which begins now.
func NewProgress(what string, total int64) *Progress {
	p := &Progress{out: os.Stderr, bar: IsTerminal(os.Stderr), what: what, Total: total, now: time.Now}
	p.width = func() int {
		if w, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil && w > 0 {
			return w
		}
		return 80
	}
	p.began = p.now()
	p.last = p.began
	return p
}

// Step says that so much is done. The total may turn out to be larger.
func (p *Progress) Step(done int64) {
	now := p.now()
	p.Total = max(p.Total, done)
	pause := linePause
	if p.bar {
		pause = barPause
	}
	if now.Sub(p.last) < pause {
		return
	}
	p.last = now
	p.show(done, now)
}

func (p *Progress) show(done int64, now time.Time) {
	text := fmt.Sprintf("%s of %s", humanize.Comma(done), humanize.Comma(p.Total))
	if spent := now.Sub(p.began); done > 0 && spent >= time.Second {
		rate := float64(done) / spent.Seconds()
		text += fmt.Sprintf(", %s/s", humanize.Comma(int64(rate)))
		if left := time.Duration(float64(p.Total-done) / rate * float64(time.Second)); left >= time.Second {
			text += ", " + Short(left) + " left"
		}
	}
	if !p.bar {
		fmt.Fprintf(p.out, "%s: %s\n", p.what, text)
		return
	}
	line := p.what + " "
	if room := min(p.width()-len(line)-len(text)-4, 40); room >= 10 && p.Total > 0 {
		full := int(int64(room) * done / p.Total)
		line += "[" + strings.Repeat("#", full) + strings.Repeat(".", room-full) + "] "
	}
	line += text
	line = line[:min(len(line), p.width()-1)]
	fmt.Fprintf(p.out, "\r%-*s", p.before, line)
	p.before = len(line)
}

// End takes the bar away, so that the result stands alone.
func (p *Progress) End() {
	if p.bar && p.before > 0 {
		fmt.Fprintf(p.out, "\r%*s\r", p.before, "")
		p.before = 0
	}
}
