package deploy

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// TestImage builds the image and runs it as compose.yaml does: as its user, on a root that
// is read-only, with secrets as files.
func TestImage(t *testing.T) {
	img, err := builtImage()
	if err != nil {
		skipWithout(t, "buildah", err)
	}
	img.check(t)
	box := newSandbox(t, img)
	secret := "whsec_of_the_test"
	box.write("etc/caddy/Caddyfile", read(t, "deploy/compose/Caddyfile"), 0o644)
	box.write("run/secrets/stripe", secret+"\n", 0o444)
	box.write("etc/hosts", "127.0.0.1 localhost app\n", 0o644)
	box.seal("data", "config")

	app := box.start(composeOf(t).Services["app"].Command...)
	gateway := box.start(img.Cmd...)
	healthy := func() error { return box.command(img.Healthcheck.Test[1:]...).Run() }
	until(t, "the image is healthy", func() bool { return healthy() == nil })
	for _, url := range []string{"http://localhost:8081/readyz", "http://localhost:8081/livez"} {
		if out, err := output(box.command(img.Entrypoint[0], "webhook", "health", "--url", url)); err != nil {
			t.Errorf("%s: %v\n%s", url, err, out)
		}
	}
	metrics := box.command(img.Entrypoint[0], "webhook", "health", "--url", "http://localhost:8081/metrics") // any 2xx will do
	if out, err := output(metrics); err != nil {
		t.Errorf("/metrics: %v\n%s", err, out)
	}
	send := box.command(img.Entrypoint[0], "webhook", "send", "--provider", "stripe", "--secret", "{file./run/secrets/stripe}", "--to", "http://localhost:8080/stripe", "--id", "evt_1")
	if out, err := output(send); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	until(t, "the app has the event", func() bool {
		out, err := output(box.command(img.Entrypoint[0], "webhook", "events", "--state", "delivered", "--json"))
		return err == nil && strings.Contains(out, `"evt_1"`)
	})
	if log := app.log(); !strings.Contains(log, "evt_1") || strings.Contains(log, secret) {
		t.Errorf("the log of the app:\n%s", log)
	}
	gateway.stop(img.signal(t))
	app.stop(img.signal(t))
	if log := gateway.log(); strings.Contains(log, `"level":"error"`) || strings.Contains(log, secret) {
		t.Errorf("the log of the gateway:\n%s", log)
	}
	if healthy() == nil {
		t.Error("the check calls a gateway healthy that has ended")
	}
	if _, err := os.Stat(filepath.Join(img.folder, "data/caddy/webhook_gateway")); err != nil {
		t.Errorf("the store is not on the volume: %v", err)
	}
}

// skipWithout ends a test that cannot run here. In CI it fails, since the job installs
// the program there.
func skipWithout(t *testing.T, program string, err error) {
	t.Helper()
	if _, missing := exec.LookPath(program); missing == nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	t.Skip(err)
}

// check compares the settings and files of the image with those that the documents promise.
func (img *image) check(t *testing.T) {
	t.Helper()
	if img.User != "65532:65532" {
		t.Errorf("its user is %q", img.User)
	}
	for _, volume := range []string{"/data", "/config"} {
		if _, ok := img.Volumes[volume]; !ok {
			t.Errorf("%s is no volume", volume)
		}
	}
	if len(img.Healthcheck.Test) < 2 || img.Healthcheck.Test[0] != "CMD" {
		t.Fatalf("its health check is %q", img.Healthcheck.Test)
	}
	files := []string{}
	err := filepath.WalkDir(img.folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(img.folder, path)
		info, err := d.Info()
		if err == nil && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			t.Errorf("%s is %v", name, info.Mode())
		}
		files = append(files, name)
		return err
	})
	if want := []string{"etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "usr/bin/caddy"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("its files are %q (%v), want %q", files, err, want)
	}
	certificates, err := os.ReadFile(filepath.Join(img.folder, "etc/ssl/certs/ca-certificates.crt"))
	if err != nil || !x509.NewCertPool().AppendCertsFromPEM(certificates) {
		t.Errorf("it has no certificates (%v)", err)
	}
}

func (img *image) signal(t *testing.T) syscall.Signal {
	t.Helper()
	known := map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "15": syscall.SIGTERM}
	s, ok := known[img.StopSignal]
	if !ok {
		t.Fatalf("its stop signal is %q", img.StopSignal)
	}
	return s
}

// A sandbox runs programs of an image as a container runtime does: with the image as their
// root, as its user, and in a network that has nothing but itself, so that the image's own
// ports are free.
type sandbox struct {
	t   *testing.T
	img *image
}

// newSandbox ties the test to a thread that has mounts and a network of its own. The
// programs that it starts have them too. The thread ends with the test.
func newSandbox(t *testing.T, img *image) *sandbox {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS | syscall.CLONE_NEWNET); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skipf("this machine does not let the test have a network of its own: %v", err)
		}
		t.Fatal(err)
	}
	b := &sandbox{t, img}
	b.must(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	b.must(loopbackUp())
	return b
}

func (b *sandbox) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// loopbackUp enables the loopback device, which a new network has disabled.
func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	request := struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(request.name[:], "lo")
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); e != 0 {
		return e
	}
	return nil
}

// write makes a file that a runtime mounts into the image.
func (b *sandbox) write(name, text string, mode os.FileMode) {
	b.t.Helper()
	path := filepath.Join(b.img.folder, name)
	b.must(os.MkdirAll(filepath.Dir(path), 0o755))
	b.must(os.WriteFile(path, []byte(text), mode))
}

// seal makes everything but the volumes read-only.
func (b *sandbox) seal(volumes ...string) {
	b.t.Helper()
	root := b.img.folder
	b.must(syscall.Mount(root, root, "", syscall.MS_BIND, ""))
	for _, v := range volumes {
		path := filepath.Join(root, v)
		b.must(syscall.Mount(path, path, "", syscall.MS_BIND, ""))
	}
	b.must(syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""))
	if err := os.WriteFile(filepath.Join(root, "x"), nil, 0o644); !errors.Is(err, syscall.EROFS) {
		b.t.Fatalf("the root is not read-only: %v", err)
	}
}

// command is a command in the image.
func (b *sandbox) command(args ...string) *exec.Cmd {
	return &exec.Cmd{
		Path: args[0], Args: args, Env: b.img.Env, Dir: "/",
		SysProcAttr: &syscall.SysProcAttr{
			Chroot:     b.img.folder,
			Credential: &syscall.Credential{Uid: 65532, Gid: 65532},
			Pdeathsig:  syscall.SIGKILL,
		},
	}
}

// A process is one that runs in a sandbox.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	file string
}

// start runs the image's entry point with arguments.
func (b *sandbox) start(args ...string) *process {
	b.t.Helper()
	p := &process{t: b.t, cmd: b.command(append(slices.Clone(b.img.Entrypoint), args...)...), file: filepath.Join(b.t.TempDir(), "log")}
	log, err := os.Create(p.file)
	b.must(err)
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	b.must(p.cmd.Start())
	b.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		if b.t.Failed() {
			b.t.Logf("%s:\n%s", strings.Join(p.cmd.Args, " "), p.log())
		}
	})
	return p
}

func (p *process) log() string {
	text, _ := os.ReadFile(p.file)
	return string(text)
}

// stop ends the process in order.
func (p *process) stop(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%s ended with %v", strings.Join(p.cmd.Args, " "), err)
	}
}
