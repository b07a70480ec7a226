package queue

import (
	"errors"
	"time"
	"unicode/utf8"
)

// Attempt is the record of one run of the forward routes for a delivery.
type Attempt struct {
	Number   int // 1: the first since the receipt, or since a person redelivered
	At       time.Time
	Duration time.Duration
	Failure  Failure // empty: the upstream has taken the message
	Status   int     // of the upstream's answer; 0: there was none
	Error    string  // text of the failure, for a person
	Excerpt  string  // the beginning of the answer's body
}

// MaxExcerpt and MaxError bound what an attempt keeps of an answer's body and of
// an error's text, in bytes.
const (
	MaxExcerpt = 1 << 10
	MaxError   = 1 << 10
)

// Failure is the way in which an attempt failed.
type Failure string

// The failures.
const (
	Refused Failure = "refused"  // no connection, or the name has no address
	Timeout Failure = "timeout"  // no answer, or not all of it, in time
	Reset   Failure = "reset"    // the connection ended before the answer did
	TLS     Failure = "tls"      // no TLS connection came about
	Status  Failure = "status"   // the upstream answered, and not with 2xx
	Aborted Failure = "aborted"  // cut off by the gateway; not counted
	Broken  Failure = "internal" // any other error of the forward routes
)

// kept makes the record of an attempt.
func kept(number int, began, ended time.Time, answer Answer, err error) Attempt {
	a := Attempt{
		Number: number, At: began, Duration: ended.Sub(began),
		Status: answer.Status, Excerpt: cut(string(answer.Excerpt), MaxExcerpt),
	}
	if err == nil {
		return a
	}
	a.Failure, a.Error = FailureOf(err), cut(err.Error(), MaxError)
	var status StatusError
	if a.Failure == Status && a.Status == 0 && errors.As(err, &status) {
		a.Status = status.Status
	}
	return a
}

// cut shortens a text without leaving half a character at its end.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Answer is the upstream's answer to an attempt.
type Answer struct {
	Status  int
	Excerpt []byte
}
