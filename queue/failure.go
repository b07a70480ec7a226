package queue

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"syscall"
)

// StatusError is an answer outside 200 to 299.
type StatusError struct{ Status int }

func (e StatusError) Error() string { return fmt.Sprintf("HTTP status %d", e.Status) }

// Fail marks err as a failure of the given kind, for errors whose types do not show it.
func Fail(as Failure, err error) error { return &failedAs{err, as} }

type failedAs struct {
	error
	as Failure
}

func (e *failedAs) Unwrap() error { return e.error }

// FailureOf derives the kind of failure from the error of an attempt. Errors of the
// connection come before a status, since a proxy adds a status to them.
func FailureOf(err error) Failure {
	var said *failedAs
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrAborted):
		return Aborted
	case errors.As(err, &said):
		return said.as
	case isTimeout(err):
		return Timeout
	case isTLS(err):
		return TLS
	case isRefused(err):
		return Refused
	case isReset(err):
		return Reset
	case errors.As(err, new(StatusError)):
		return Status
	}
	return Broken
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() ||
		isAny(err, context.DeadlineExceeded, os.ErrDeadlineExceeded, syscall.ETIMEDOUT)
}

func isTLS(err error) bool {
	// An alert of the other side has a type that is not exported.
	if op := new(net.OpError); errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") {
		return true
	}
	return errors.As(err, new(tls.RecordHeaderError)) ||
		errors.As(err, new(*tls.CertificateVerificationError)) ||
		errors.As(err, new(tls.AlertError)) ||
		errors.As(err, new(*tls.ECHRejectionError)) ||
		errors.As(err, new(x509.CertificateInvalidError)) ||
		errors.As(err, new(x509.HostnameError)) ||
		errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.Is(err, http.ErrSchemeMismatch) ||
		said(err, "tls: ")
}

func isRefused(err error) bool {
	if errors.Is(err, syscall.ECONNRESET) { // while dialling as well: there was a listener
		return false
	}
	if op := new(net.OpError); errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect" || op.Op == "socks connect") {
		return true
	}
	return errors.As(err, new(*net.DNSError)) || errors.As(err, new(*net.AddrError)) ||
		isAny(err, syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH)
}

func isReset(err error) bool {
	return isAny(err, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, http.ErrAbortHandler,
		syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE) ||
		errors.As(err, new(textproto.ProtocolError)) ||
		said(err, brokenConnection...)
}

// brokenConnection are the beginnings of errors of net/http without an exported type.
var brokenConnection = []string{
	"http: server closed idle connection",
	"net/http: HTTP/1.x transport connection broken",
	"readLoopPeekFailLocked", // an answer before the request
	"malformed HTTP ", "malformed chunked encoding", "invalid byte in chunk length", "http chunk length too large",
	"http2: ", "stream error: ", "connection error: ",
}

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

// said reports whether err, or an error that it wraps, begins with one of the texts.
func said(err error, texts ...string) bool {
	for _, t := range texts {
		if strings.HasPrefix(err.Error(), t) {
			return true
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		inner := e.Unwrap()
		return inner != nil && said(inner, texts...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if said(inner, texts...) {
				return true
			}
		}
	}
	return false
}
