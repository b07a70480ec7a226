package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"
)

// process is this binary started again in one of its roles.
type process struct {
	cmd       *exec.Cmd
	in        io.WriteCloser    // its end ends the process
	addresses map[string]string // handed over by the process, by name
	started   time.Duration     // how long that took
	log       *os.File
}

// start runs a role until it has handed over its addresses.
func start(b *testing.B, role string, env ...string) *process {
	b.Helper()
	p, err := tryStart(role, env)
	if err != nil {
		b.Fatalf("starting the %s: %v", role, err)
	}
	return p
}

func tryStart(role string, env []string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self)}
	p.cmd.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	if p.log, err = os.CreateTemp(workFolder, role+"-*.log"); err != nil {
		return nil, err
	}
	p.cmd.Stderr = p.log
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.addresses)
	}
	p.started = time.Since(began)
	if err != nil {
		err = fmt.Errorf("%w: %s", err, p.lastWords())
		p.stop()
		return nil, err
	}
	return p, nil
}

// stop ends the process at once, as a crash would: nothing is closed or flushed.
func (p *process) stop() {
	p.in.Close()
	kill := time.AfterFunc(5*time.Second, func() { p.cmd.Process.Kill() })
	p.cmd.Wait()
	kill.Stop()
	p.log.Close()
	os.Remove(p.log.Name())
}

// lastWords is the end of what the process has logged.
func (p *process) lastWords() string {
	text, _ := os.ReadFile(p.log.Name())
	if len(text) > 800 {
		text = text[len(text)-800:]
	}
	return strings.TrimSpace(string(text))
}

// startProfile makes the process write a CPU profile from now on until it ends.
func (p *process) startProfile(file string) { fmt.Fprintln(p.in, "profile", file) }

// handOver tells the parent where this process listens, and returns when the
// parent is done with it or gone.
func handOver(addresses map[string]string) error {
	if err := json.NewEncoder(os.Stdout).Encode(addresses); err != nil {
		return err
	}
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		name, ok := strings.CutPrefix(commands.Text(), "profile ")
		if !ok {
			continue
		}
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return nil
}

// cpu is the processor time that the process has used, in all its threads. It
// is zero where the system does not tell.
func (p *process) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The name, in parentheses, may contain anything.
	field := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(field) < 13 {
		return 0
	}
	var ticks int64
	for _, text := range field[11:13] { // user and system time
		n, _ := strconv.ParseInt(text, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100)
}

// usage is what the process has used so far.
type usage struct {
	cpu     time.Duration
	written float64 // bytes to the disk, those of the last moment not included
}

func (p *process) used() usage {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", p.cmd.Process.Pid))
	u := usage{cpu: p.cpu()}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			u.written, _ = strconv.ParseFloat(strings.TrimSpace(n), 64)
		}
	}
	return u
}

// peakMemory is the most that the process has ever had in memory, in MB.
func (p *process) peakMemory() float64 {
	return kilobytes(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), "VmHWM:") / 1024
}

// kilobytes finds a line such as "MemTotal:  1024 kB".
func kilobytes(file, name string) float64 {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if field := strings.Fields(line); len(field) >= 2 && field[0] == name {
			n, _ := strconv.ParseFloat(field[1], 64)
			return n
		}
	}
	return 0
}

// settle waits until the process has been idle for a moment, at most a minute.
func (p *process) settle() {
	const moment = 500 * time.Millisecond
	for range time.Minute / moment {
		before := p.cpu()
		time.Sleep(moment)
		if p.cpu()-before < moment/20 {
			return
		}
	}
}
