// Package pgtest starts a throwaway PostgreSQL for tests.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is the one of this process.
type cluster struct {
	dsn string // of its socket
	err error
	dir string
	as  *syscall.Credential // nil: this process's
	cmd *exec.Cmd
}

var (
	once    sync.Once
	own     cluster
	schemas atomic.Int64
)

// errNone: there is no PostgreSQL on this machine.
var errNone = errors.New("no initdb in PATH or /usr/lib/postgresql/*/bin: install PostgreSQL (Debian: postgresql)")

// Tests are the tests of a package. Run runs them and stops the cluster afterwards.
type Tests struct{ *testing.M }

// Run is for os.Exit in TestMain.
func (t Tests) Run() int {
	defer own.end()
	return t.M.Run()
}

// DSN returns the connection string of the process's cluster, which the first call starts. The
// test is skipped where there is no PostgreSQL.
func DSN(t testing.TB) string {
	t.Helper()
	once.Do(func() { own.err = own.start() })
	if errors.Is(own.err, errNone) {
		t.Skip(own.err)
	}
	if own.err != nil {
		t.Fatal(own.err)
	}
	return own.dsn
}

// Schema returns the name of a schema that no other test uses. It goes with the cluster.
func Schema(t testing.TB) string {
	t.Helper()
	DSN(t)
	return fmt.Sprintf("t%d", schemas.Add(1))
}

// Program returns the path of one of PostgreSQL's programs.
func Program(t testing.TB, name string) string {
	t.Helper()
	DSN(t)
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// programs returns the folder of PostgreSQL's programs, the newest version's.
func programs() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		p, err = filepath.EvalSymlinks(p) // the others stand beside the file itself
		return filepath.Dir(p), err
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errNone
	}
	version := func(p string) int { n, _ := strconv.Atoi(strings.Split(p, "/")[4]); return n }
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

func (c *cluster) start() error {
	bin, err := programs()
	if err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "hookwicket-pg"); err != nil {
		return err
	}
	if os.Getuid() == 0 { // initdb refuses root
		if c.as, err = postgresUser(); err != nil {
			return err
		}
	}
	if err := c.own(c.dir); err != nil {
		return err
	}
	data := filepath.Join(c.dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: c.as}, c.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	c.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", c.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=300", "-c", "full_page_writes=off")
	c.cmd.SysProcAttr, c.cmd.Dir = c.attributes(), c.dir
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if err := c.cmd.Start(); err != nil {
		return err
	}
	c.dsn = "host=" + c.dir + " user=postgres dbname=postgres"
	return await(c.dsn, log.Name())
}

// postgresUser is the user that Debian's package makes.
func postgresUser() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("initdb does not run as root: %w", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// own gives a file to the user of the cluster.
func (c *cluster) own(name string) error {
	if c.as == nil {
		return nil
	}
	return os.Chown(name, int(c.as.Uid), int(c.as.Gid))
}

// attributes are those of a server: where the system can, it ends with this process.
func (c *cluster) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Credential: c.as}
	endWithParent(attributes)
	return attributes
}

// await waits until a server takes connections.
func await(dsn, log string) error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(context.Background(), dsn)
		if err == nil {
			return conn.Close(context.Background())
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log)
			return fmt.Errorf("the server does not start: %w\n%s", err, text)
		}
	}
}

func (c *cluster) end() {
	if c.cmd != nil && c.cmd.Process != nil {
		_ = c.cmd.Process.Signal(syscall.SIGQUIT)
		_ = c.cmd.Wait()
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}
