package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/hookwicket/hookwicket/verifiers"
)

// The commands sign and send can alter a request: its type and headers before it is
// signed, and its body afterwards.

// headerFlags reads headers written as 'Name: value'.
func headerFlags(given []string) (http.Header, error) {
	header := make(http.Header)
	for _, line := range given {
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("--header %q is not a header such as 'X-Name: value'", line)
		}
		header.Add(name, value)
	}
	return header, nil
}

// setType gives the request of a sample another event type, wherever the sample has its
// own. The verifier says what the type is, so this works for every scheme that states it
// in one piece.
func (s *signing) setType(r *verifiers.Request, sign func(*verifiers.Request) error) error {
	row := s.provider.row
	failed := fmt.Errorf("the type of a sample event of %s cannot be changed; write a body with the type for --body", row.Title)
	verifier, err := row.Scheme.Verifier(s.secrets...)
	if err != nil {
		return failed
	}
	typeOf := func() string {
		trial := *r
		trial.Header, trial.Body = r.Header.Clone(), bytes.Clone(r.Body)
		if sign(&trial) != nil {
			return ""
		}
		event, err := verifier.Verify(context.Background(), &trial)
		if err != nil {
			return ""
		}
		return event.Type
	}
	old := typeOf()
	if old == "" {
		return failed
	}
	for _, values := range r.Header {
		for i, value := range values {
			if value == old {
				values[i] = s.eventType
			}
		}
	}
	before, err := json.Marshal(old)
	if err != nil {
		return err
	}
	after, err := json.Marshal(s.eventType)
	if err != nil {
		return err
	}
	r.Body = bytes.Replace(r.Body, before, after, 1)
	if typeOf() != s.eventType {
		return failed
	}
	return nil
}

// tampered changes the last digit of a body, or its last letter if it has no digit, so
// that JSON stays JSON.
func tampered(body []byte) ([]byte, error) {
	body = bytes.Clone(body)
	for _, within := range []string{"0123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		if i := bytes.LastIndexAny(body, within); i >= 0 {
			body[i] = within[(strings.IndexByte(within, body[i])+1)%len(within)]
			return body, nil
		}
	}
	return nil, errors.New("--tamper: the body has no digit or letter that could be changed")
}
