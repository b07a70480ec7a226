package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Host is a PostgreSQL server that a test can kill, freeze, restart and replace by a standby. It
// listens on a port of 127.0.0.1 and ends with the test. Its fsync is off: a killed process loses
// nothing that it has written.
type Host struct {
	Name string // its application_name as a standby, and its cluster_name
	Port int

	t      testing.TB
	dir    string
	data   string
	cmd    *exec.Cmd
	exited chan struct{} // closed at the end of the process; nil: it does not run
}

// hostSettings are those of all hosts. Standbys connect again soon, and connections are few.
var hostSettings = []string{
	"fsync=off", "max_connections=100", "shared_buffers=16MB", "wal_keep_size=256MB",
	"wal_retrieve_retry_interval=100ms", "wal_receiver_status_interval=1s",
}

var template struct {
	once sync.Once
	err  error
}

// NewHost starts a primary. Settings are of the form name=value. The test is skipped where there
// is no PostgreSQL.
func NewHost(t testing.TB, name string, settings ...string) *Host {
	t.Helper()
	DSN(t) // makes the folder, or skips
	template.once.Do(func() { template.err = makeTemplate() })
	if template.err != nil {
		t.Fatal(template.err)
	}
	h := newHost(t, name)
	if out, err := asPostgres("cp", "-a", filepath.Join(own.dir, "template"), h.data).CombinedOutput(); err != nil {
		t.Fatalf("copying a cluster: %v\n%s", err, out)
	}
	h.configure(append(hostSettings, settings...)...)
	h.Start()
	return h
}

// makeTemplate copies the process's cluster, which is quicker than initdb.
func makeTemplate() error {
	bin, err := programs()
	if err != nil {
		return err
	}
	out, err := asPostgres(filepath.Join(bin, "pg_basebackup"), "-d", own.dsn, "-D", filepath.Join(own.dir, "template"), "-X", "stream", "-c", "fast", "--no-sync").CombinedOutput()
	if err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return nil
}

// asPostgres makes a command of the user of the process's cluster.
func asPostgres(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr, cmd.Dir = own.attributes(), own.dir
	return cmd
}

func newHost(t testing.TB, name string) *Host {
	t.Helper()
	dir, err := os.MkdirTemp(own.dir, "host")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := &Host{Name: name, Port: l.Addr().(*net.TCPAddr).Port, t: t, dir: dir, data: filepath.Join(dir, "data")}
	t.Cleanup(func() {
		h.Kill()
		if t.Failed() {
			text, _ := os.ReadFile(h.log())
			t.Logf("the log of host %s:\n%s", h.Name, text[max(0, len(text)-4000):])
		}
		_ = os.RemoveAll(h.dir)
	})
	return h
}

// configure adds settings, of which the last ones count.
func (h *Host) configure(settings ...string) {
	h.t.Helper()
	own := []string{"listen_addresses=127.0.0.1", fmt.Sprintf("port=%d", h.Port), "unix_socket_directories=", "cluster_name=" + h.Name}
	var text strings.Builder
	for _, s := range append(own, settings...) {
		name, value, _ := strings.Cut(s, "=")
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''"))
	}
	f, err := os.OpenFile(filepath.Join(h.data, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text.String()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *Host) log() string { return filepath.Join(h.dir, "log") }

// DSN is the host's connection string.
func (h *Host) DSN() string { return Hosts(h) }

// Hosts is the connection string of several hosts. The one that can be written to is used.
func Hosts(hosts ...*Host) string {
	var names, ports []string
	for _, h := range hosts {
		names, ports = append(names, "127.0.0.1"), append(ports, strconv.Itoa(h.Port))
	}
	dsn := "host=" + strings.Join(names, ",") + " port=" + strings.Join(ports, ",") + " user=postgres dbname=postgres sslmode=disable"
	if len(hosts) > 1 {
		dsn += " target_session_attrs=read-write"
	}
	return dsn
}

// Start starts the server and waits until it takes connections. After Kill, it is tried again while
// the processes of before still have its shared memory.
func (h *Host) Start() {
	h.t.Helper()
	var err error
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if h.exited == nil {
			h.run()
		}
		var conn *pgx.Conn
		if conn, err = pgx.Connect(context.Background(), h.DSN()); err == nil {
			_ = conn.Close(context.Background())
			return
		}
		select {
		case <-h.exited:
			h.exited = nil
		default:
		}
	}
	h.t.Fatalf("the database does not start: %v", err)
}

// run starts the process.
func (h *Host) run() {
	h.t.Helper()
	log, err := os.OpenFile(h.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	cmd := asPostgres(Program(h.t, "postgres"), "-D", h.data)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	h.cmd, h.exited = cmd, exited
}

// Standby starts a host that follows this one.
func (h *Host) Standby(name string) *Host {
	h.t.Helper()
	s := newHost(h.t, name)
	out, err := asPostgres(Program(h.t, "pg_basebackup"), "-d", h.DSN()+" application_name="+name, "-D", s.data, "-R", "-X", "stream", "-c", "fast", "--no-sync").CombinedOutput()
	if err != nil {
		h.t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	s.configure("primary_conninfo=" + h.DSN() + " application_name=" + name)
	s.Start()
	return s
}

// Kill kills the server and all of its processes, as a crash of the machine would.
func (h *Host) Kill() {
	if h.exited == nil {
		return
	}
	h.signal(syscall.SIGSTOP) // so that it starts no others meanwhile
	h.signal(syscall.SIGKILL)
	<-h.exited
	h.exited = nil
}

// Crash kills one process of the server. The postmaster then ends all others and starts anew, from
// the disk.
func (h *Host) Crash() {
	h.t.Helper()
	pid := h.Int("select pid from pg_stat_activity where backend_type = 'walwriter'")
	if err := syscall.Kill(int(pid), syscall.SIGKILL); err != nil {
		h.t.Fatal(err)
	}
	h.await("select count(*) from pg_stat_activity where backend_type = 'walwriter' and pid <> $1", pid)
}

// Require makes a role give a password.
func (h *Host) Require(role string) {
	h.t.Helper()
	name := filepath.Join(h.data, "pg_hba.conf")
	text, err := os.ReadFile(name)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(name, append([]byte("host all "+role+" 127.0.0.1/32 scram-sha-256\n"), text...), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.Exec("select pg_reload_conf()")
}

// Stop ends the server as an operator would, and cuts its connections off.
func (h *Host) Stop() {
	_ = h.cmd.Process.Signal(syscall.SIGINT)
	<-h.exited
	h.exited = nil
}

// Freeze stops all processes of the server. The kernel still takes connections and bytes for them.
func (h *Host) Freeze() { h.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (h *Host) Thaw() { h.signal(syscall.SIGCONT) }

// signal signals the postmaster and then its children.
func (h *Host) signal(s syscall.Signal) {
	pid := h.cmd.Process.Pid
	if s == syscall.SIGKILL { // the children can still be found
		for _, child := range children(pid) {
			_ = syscall.Kill(child, s)
		}
		_ = syscall.Kill(pid, s)
		return
	}
	_ = syscall.Kill(pid, s)
	for _, child := range children(pid) {
		_ = syscall.Kill(child, s)
	}
}

// children returns the processes whose parent is the given one.
func children(parent int) (pids []int) {
	found, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range found {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// The command in parentheses can contain anything. The state and the parent follow.
		f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && len(f) > 1 && f[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Exec runs statements, each by itself and without waiting for standbys.
func (h *Host) Exec(statements ...string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, h.DSN())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, s := range append([]string{"set synchronous_commit = local"}, statements...) {
		if _, err := conn.Exec(ctx, s); err != nil {
			h.t.Fatalf("%s: %v", s, err)
		}
	}
}

// Int returns the number that a query selects.
func (h *Host) Int(query string, args ...any) int64 {
	h.t.Helper()
	n, err := h.number(query, args...)
	if err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (h *Host) number(query string, args ...any) (n int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, h.DSN())
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.Background())
	return n, conn.QueryRow(ctx, query, args...).Scan(&n)
}

// await waits until a query selects something else than 0. The server may be starting.
func (h *Host) await(query string, args ...any) {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		n, err := h.number(query, args...)
		if err == nil && n != 0 {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("host %s does not come to this: %s: %v", h.Name, query, err)
		}
	}
}

// Set changes a setting of the running server.
func (h *Host) Set(name, value string) {
	h.t.Helper()
	quoted := "'" + strings.ReplaceAll(value, "'", "''") + "'"
	h.Exec("alter system set "+name+" = "+quoted, "select pg_reload_conf()")
	h.await("select count(*) from pg_settings where name = $1 and setting = $2", name, value)
}

// WaitFor makes commits wait for standbys, such as "ANY 1 (b, c)", and waits until those that are
// named are connected. The empty string is for none.
func (h *Host) WaitFor(names string, standbys ...*Host) {
	h.t.Helper()
	for _, s := range standbys {
		h.await("select count(*) from pg_stat_replication where application_name = $1 and state = 'streaming'", s.Name)
	}
	h.Set("synchronous_standby_names", names)
	for _, s := range standbys {
		h.await("select count(*) from pg_stat_replication where application_name = $1 and sync_state in ('sync', 'quorum')", s.Name)
	}
}

// Promote makes a standby a primary.
func (h *Host) Promote() {
	h.t.Helper()
	if out, err := asPostgres(Program(h.t, "pg_ctl"), "promote", "-w", "-D", h.data).CombinedOutput(); err != nil {
		h.t.Fatalf("pg_ctl promote: %v\n%s", err, out)
	}
}

// Follow makes a standby follow another primary.
func (h *Host) Follow(primary *Host) {
	h.t.Helper()
	h.Exec("alter system set primary_conninfo = '"+primary.DSN()+" application_name="+h.Name+"'", "select pg_reload_conf()")
}

// FailOver does the work of a failover manager: it promotes the standby that has received most,
// and lets the others follow it. Commits wait for one of those.
func FailOver(standbys ...*Host) (primary *Host) {
	primary = standbys[0]
	received := func(h *Host) int64 {
		return h.Int("select (pg_last_wal_receive_lsn() - '0/0')::bigint")
	}
	for _, s := range standbys[1:] {
		if received(s) > received(primary) {
			primary = s
		}
	}
	primary.Promote()
	var names []string
	var others []*Host
	for _, s := range standbys {
		if s != primary {
			s.Follow(primary)
			names, others = append(names, s.Name), append(others, s)
		}
	}
	if len(others) > 0 {
		primary.Set("synchronous_standby_names", "ANY 1 ("+strings.Join(names, ", ")+")")
	}
	return primary
}
