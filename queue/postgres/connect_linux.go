package postgres

import "syscall"

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not name.
const tcpUserTimeout = 18

// giveUp ends a connection whose data nobody acknowledges for 4 s. A statement is never
// cancelled, so a host that is gone has to show by its connection.
func giveUp(_, _ string, c syscall.RawConn) error {
	var err error
	return errorOr(c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, 4000)
	}), &err)
}

func errorOr(first error, second *error) error {
	if first != nil {
		return first
	}
	return *second
}
