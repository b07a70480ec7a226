package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL beside that of the process, for tests that need settings or standbys. Its
// commits reach the disk.
type Server struct {
	cluster
	within   []string // the command that runs a program where the server is; nil: here
	settings []string
	name     string
}

// NewServer starts a server in a new folder below dir, with lines of postgresql.conf besides. It
// ends with the test, which is skipped where there is no PostgreSQL.
func NewServer(t testing.TB, dir string, settings ...string) *Server {
	t.Helper()
	return NewServerWithin(t, nil, dir, settings...)
}

// NewServerWithin is NewServer in another place, such as a network namespace: within is the command
// that runs a program there. Clients of the network 10.201.0.0/16 may connect.
func NewServerWithin(t testing.TB, within []string, dir string, settings ...string) *Server {
	t.Helper()
	s := &Server{within: within, settings: settings, name: "primary"}
	data, bin := s.prepare(t, dir)
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: s.as}, s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	if within != nil {
		s.add(t, "pg_hba.conf", "host all all 10.201.0.0/16 trust\n")
	}
	s.add(t, "postgresql.conf", "listen_addresses = ''\nmax_connections = 300\n"+strings.Join(settings, "\n")+"\n")
	s.run(t, bin)
	return s
}

// Standby starts a server that replicates this one, which knows it by the name.
func (s *Server) Standby(t testing.TB, name string) *Server {
	t.Helper()
	standby := &Server{settings: s.settings, name: name}
	data, bin := standby.prepare(t, filepath.Dir(s.dir))
	backup := exec.Command(filepath.Join(bin, "pg_basebackup"), "-d", s.dsn+" application_name="+name, "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
	backup.SysProcAttr, backup.Dir = &syscall.SysProcAttr{Credential: standby.as}, standby.dir
	if out, err := backup.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	standby.run(t, bin)
	return standby
}

// DSN is the connection string of the server's socket.
func (s *Server) DSN() string { return s.dsn }

// Exec runs statements.
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	for _, sql := range statements {
		if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// Freeze stops all processes of the server where they are, or lets them go on. Linux only.
func (s *Server) Freeze(t testing.TB, frozen bool) {
	t.Helper()
	pid := s.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Skip(err)
	}
	signal := syscall.SIGCONT
	if frozen {
		signal = syscall.SIGSTOP
	}
	for _, p := range append(strings.Fields(string(children)), fmt.Sprint(pid)) {
		var n int
		if _, err := fmt.Sscan(p, &n); err == nil {
			_ = syscall.Kill(n, signal)
		}
	}
}

// prepare makes the server's folder, and says where its data will be and PostgreSQL's programs are.
func (s *Server) prepare(t testing.TB, dir string) (data, bin string) {
	t.Helper()
	bin, err := programs()
	if errors.Is(err, errNone) {
		t.Skip(err)
	}
	if err == nil {
		s.dir, err = os.MkdirTemp(dir, "hookwicket-pg")
	}
	if err == nil && os.Getuid() == 0 {
		s.as, err = postgresUser()
	}
	if err == nil {
		err = s.own(s.dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(s.dir, "data"), bin
}

// add appends lines to a file of the server.
func (s *Server) add(t testing.TB, name, lines string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, "data", name), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(lines)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run starts the server, which ends with the test.
func (s *Server) run(t testing.TB, bin string) {
	t.Helper()
	command := []string{filepath.Join(bin, "postgres"), "-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-c", "cluster_name=" + s.name}
	attributes := s.attributes()
	if s.within != nil { // which needs root
		user := []string{"setpriv", "--pdeathsig", "KILL", fmt.Sprintf("--reuid=%d", s.as.Uid), fmt.Sprintf("--regid=%d", s.as.Gid), "--clear-groups"}
		command = append(append(append([]string(nil), s.within...), user...), command...)
		attributes.Credential = nil
	}
	s.cmd = exec.Command(command[0], command[1:]...)
	s.cmd.SysProcAttr, s.cmd.Dir = attributes, s.dir
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	err = s.cmd.Start()
	log.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	s.dsn = "host=" + s.dir + " user=postgres dbname=postgres"
	if err := await(s.dsn, log.Name()); err != nil {
		t.Fatal(err)
	}
}
