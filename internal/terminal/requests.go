package terminal

import (
	"context"
	"errors"
	"net"
	"net/url"
)

// Failure says why there is no answer, without what differs from one connection
// to the next, so that equal failures make one line.
func Failure(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within a minute"
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op != "dial" {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// UserAgent is the name under which the commands make requests.
const UserAgent = "caddy-webhook"
