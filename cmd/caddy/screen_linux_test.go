package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// screen runs a command on a terminal of so many columns. Its output is in the file screen.
func (s *script) screen(ts *testscript.TestScript, args []string) {
	columns, err := strconv.ParseUint(args[0], 10, 16)
	ts.Check(err)
	master, terminal, err := openTerminal(uint16(columns))
	ts.Check(err)
	defer master.Close()
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "CADDY_ADMIN="+ts.Getenv("CADDY_ADMIN"), "HOME="+ts.Getenv("HOME"), "NO_COLOR="+ts.Getenv("NO_COLOR"), "TERM=xterm", "TZ=America/New_York")
	cmd.Stdout, cmd.Stderr = terminal, terminal
	err = cmd.Start()
	terminal.Close()
	ts.Check(err)
	out, err := io.ReadAll(master)
	if err != nil && !errors.Is(err, syscall.EIO) { // which is the end, once nobody has the terminal open
		ts.Fatalf("%v", err)
	}
	if err := cmd.Wait(); err != nil {
		ts.Fatalf("%v\n%s", err, out)
	}
	text := strings.ReplaceAll(string(out), "\r\n", "\n")
	ts.Logf("%s", text)
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(text), 0o600))
}

// openTerminal makes a terminal of so many columns. What is written to it is read from
// the master.
func openTerminal(columns uint16) (master, terminal *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: columns})
	}
	return master, terminal, err
}
