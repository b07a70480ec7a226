package postgres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
)

// ownNetwork is set in the process that has a loopback interface of its own.
const ownNetwork = "HOOKWICKET_TEST_OWN_NETWORK"

// TestSilentHost: a statement whose host has vanished from the network ends within seconds, long
// before the lease.
func TestSilentHost(t *testing.T) {
	if os.Getenv(ownNetwork) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSilentHost$", "-test.timeout=3m", "-test.v")
		cmd.Env = append(os.Environ(), ownNetwork+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.EPERM) {
			t.Skip("a network of its own needs root")
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if bytes.Contains(out, []byte("--- SKIP")) {
			t.Skipf("%s", out)
		}
		t.Logf("%s", out)
		return
	}
	loopback(t, true)
	s := on(t, pgtest.NewHost(t, "a").DSN(), 2*time.Minute)
	to := queue.Destination{Endpoint: "e"}
	accept(t, s, to)
	loopback(t, false)
	t.Cleanup(func() { loopback(t, true) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
	began := time.Now()
	if _, err := s.Accept(ctx, m, queue.Identity{}, queue.To(to)...); !errors.Is(err, queue.ErrUnavailable) || ctx.Err() != nil {
		t.Errorf("got %v", err)
	}
	t.Logf("the statement ended after %v", time.Since(began).Round(time.Millisecond))
	loopback(t, true)
	accept(t, s, to)
}

// loopback switches the interface. While it is down, whatever is sent is lost.
func loopback(t *testing.T, up bool) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	var request [40]byte // struct ifreq: the name, then the flags
	copy(request[:], "lo")
	if up {
		binary.NativeEndian.PutUint16(request[16:], syscall.IFF_UP)
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request[0]))); errno != 0 {
		t.Fatal(errno)
	}
}
