package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// PgBouncer starts a pooler before the process's cluster, and returns the connection string of its
// socket. The mode is session, transaction or statement. The pooler has the given number of
// connections to the database, and ends with the test. The test is skipped where there is no PgBouncer.
func PgBouncer(t testing.TB, mode string, connections int) string {
	t.Helper()
	DSN(t)
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // which is not in everybody's PATH
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("no pgbouncer in PATH or /usr/sbin: install PgBouncer (Debian: pgbouncer)")
	}
	dir, err := os.MkdirTemp(own.dir, "pgbouncer")
	if err != nil {
		t.Fatal(err)
	}
	config, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users")
	for name, text := range map[string]string{
		users: `"postgres" ""` + "\n",
		config: fmt.Sprintf(`[databases]
* = host=%s port=5432
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = %s
auth_type = trust
auth_file = %s
pool_mode = %s
default_pool_size = %d
max_client_conn = 500
`, own.dir, dir, users, mode, connections),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{dir, config, users} {
		if err := own.own(name); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, config)
	cmd.SysProcAttr, cmd.Dir, cmd.Stderr = own.attributes(), dir, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	dsn := "host=" + dir + " user=postgres dbname=postgres"
	if err := await(dsn+" default_query_exec_mode=exec", log.Name()); err != nil {
		t.Fatal(err)
	}
	return dsn
}
