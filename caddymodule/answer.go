package caddymodule

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hookwicket/hookwicket/verifiers"
)

// succeeded gives the answer that the provider expects for an event.
func (q *request) succeeded() error {
	return q.answer(q.endpoint.row.Answers.Success, http.StatusOK)
}

// answer writes an answer of the provider's row. Status is the one for an answer
// without a status.
func (q *request) answer(a verifiers.Answer, status int) error {
	if a.Status != 0 {
		status = a.Status
	}
	if a.Type != "" {
		q.w.Header().Set("Content-Type", a.Type)
	}
	q.w.WriteHeader(status)
	if a.Body == "" {
		return nil
	}
	_, err := q.w.Write([]byte(a.Body))
	return err
}

// refused answers a request that is not accepted: with 4xx for a fault of the sender,
// with 503 otherwise. The answer never says why.
func (q *request) refused(err error) error {
	h := q.endpoint
	if errors.Is(err, errReading) {
		h.metrics.count("aborted", "")
		q.facts.tell("aborted")
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	reason := verifiers.ReasonOf(err)
	if reason == "" || reason == verifiers.UnavailableKey {
		return q.unavailable(err)
	}
	q.facts.reason = string(reason)
	h.metrics.count("refused", string(reason))
	status, demanded := h.refusal(reason, err)
	q.capture(refusal{string(reason), detail(err), status})
	q.tellRefused("refused", err)
	q.noteRefusal("request refused", len(q.in.body), err)
	if reason == verifiers.MethodNotAllowed {
		q.w.Header().Set("Allow", strings.Join(h.allowed(), ", "))
	}
	if demanded {
		return q.answer(h.row.Answers.Refused, status)
	}
	return caddyhttp.Error(status, reason)
}

// refusal returns the status of the answer to a refused request. It is demanded if the
// provider's row has the answer.
func (h *Handler) refusal(reason verifiers.Reason, err error) (status int, demanded bool) {
	switch reason {
	case verifiers.BodyTooLarge:
		return http.StatusRequestEntityTooLarge, false
	case verifiers.MethodNotAllowed:
		return http.StatusMethodNotAllowed, false
	case verifiers.MalformedBody:
		if errors.Is(err, errTooManyFields) {
			return http.StatusRequestHeaderFieldsTooLarge, false
		}
		return http.StatusBadRequest, false
	}
	if answer := h.row.Answers.Refused; answer != (verifiers.Answer{}) {
		return cmp.Or(answer.Status, http.StatusUnauthorized), true
	}
	if reason == verifiers.MalformedSignature || reason == verifiers.MalformedTimestamp {
		return http.StatusBadRequest, false
	}
	return http.StatusUnauthorized, false
}

// failed answers a request that ended in an error, as Caddy's server would. The routes
// of handle_errors run; without any, the status alone is sent. The error does not
// reach the server, because the server logs the query and all headers of such a
// request, and there may be a token in them.
func (q *request) failed(err error) error {
	h := q.endpoint
	if err == nil || h.guardedErrors {
		return err
	}
	status := http.StatusInternalServerError
	var he caddyhttp.HandlerError
	if errors.As(err, &he) && he.StatusCode != 0 {
		status = he.StatusCode
	}
	level, text := zapcore.DebugLevel, "the request ended in an error"
	if status >= 500 && q.r.Context().Err() == nil {
		level, text = zapcore.ErrorLevel, "the handlers behind the gateway failed"
	}
	q.noteFailure(level, text, status, err)
	if routes := h.server.Errors; routes != nil && len(routes.Routes) > 0 {
		restore(q.r)
		answer := routes.Routes.Compile(caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(status)
			return nil
		}))
		if err = answer.ServeHTTP(q.w, routes.WithError(q.r, err)); err == nil {
			return nil
		}
		q.noteFailure(zapcore.ErrorLevel, "handle_errors failed", status, err)
	}
	q.w.WriteHeader(status)
	return nil
}

// noteFailure logs an error of other handlers. A forged request can cause one where
// the endpoint observes, or where handle_errors fails.
func (q *request) noteFailure(level zapcore.Level, text string, status int, err error) {
	h, f := q.endpoint, q.facts
	fields := func() []zap.Field {
		return []zap.Field{zap.Int("status", status), zap.Error(h.redacting().failure(plainly(err)))}
	}
	if f.signed == "" || f.reason != "" {
		h.note(remark{level, text, f.reason}, f, fields)
	} else if line := h.logger.Check(level, text); line != nil {
		line.Write(append(f.fields(), fields()...)...)
	}
}

// restore resets a request's target to the one before any rewrite, as handle_errors
// expects.
func restore(r *http.Request) {
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || original.URL == nil {
		return
	}
	r.Method, r.RemoteAddr, r.RequestURI = original.Method, original.RemoteAddr, original.RequestURI
	*r.URL = *original.URL
}

// detail returns the text of an error after its reason.
func detail(err error) string {
	text, _ := strings.CutPrefix(err.Error(), string(verifiers.ReasonOf(err)))
	return strings.TrimPrefix(text, ": ")
}

// unavailable answers when the gateway or its storage is at fault.
func (q *request) unavailable(err error) error {
	q.endpoint.metrics.count("unavailable", "")
	q.facts.tell("unavailable")
	line := remark{zapcore.ErrorLevel, "event not accepted; the sender was asked to try again", causeOf(err)}
	q.endpoint.note(line, q.facts, func() []zap.Field {
		return []zap.Field{zap.String("remote_addr", clientIP(q.r)), zap.Error(err)}
	})
	q.w.Header().Set("Retry-After", retryAfterFor(err))
	// Not as an error: Caddy logs those with the request's headers, in which there
	// may be a token.
	q.w.WriteHeader(http.StatusServiceUnavailable)
	return nil
}

// crowded answers when there is no memory for a request. The rest of the body is not
// read: otherwise the sender could keep the connection open as long as it likes.
func (q *request) crowded(err error) error {
	if q.r.ProtoMajor == 1 {
		q.w.Header().Set("Connection", "close")
	}
	return q.unavailable(err)
}

func clientIP(r *http.Request) string {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	if ip == "" {
		return r.RemoteAddr
	}
	return ip
}

// fields returns the facts for a log line. They never contain a secret or signed
// content.
func (f *facts) fields() []zap.Field {
	fields := []zap.Field{zap.String("endpoint", f.endpoint), zap.String("provider", f.provider)}
	for _, optional := range []struct{ name, value string }{
		{"forward", f.forward}, {"event_id", headerValue(f.eventID)}, {"event_type", headerValue(f.eventType)},
		{"message_id", f.messageID}, {"sender_attempt_id", headerValue(f.attemptID)},
	} {
		if optional.value != "" {
			fields = append(fields, zap.String(optional.name, optional.value))
		}
	}
	return fields
}
