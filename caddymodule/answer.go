package caddymodule

import (
	"errors"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hookwicket/hookwicket/verifiers"
)

// answer writes the answer that the provider expects.
func (h *Handler) answer(w http.ResponseWriter, a verifiers.Answer, status int) error {
	if a.Status != 0 {
		status = a.Status
	}
	if a.Type != "" {
		w.Header().Set("Content-Type", a.Type)
	}
	w.WriteHeader(status)
	if a.Body == "" {
		return nil
	}
	_, err := w.Write([]byte(a.Body))
	return err
}

// refused answers a request that is not accepted: with 4xx for a fault of the sender,
// with 503 otherwise. The answer never says why.
func (h *Handler) refused(w http.ResponseWriter, r *http.Request, about *facts, size int, err error) error {
	if errors.Is(err, errReading) {
		h.metrics.aborted.Inc()
		about.tell("aborted")
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	reason := verifiers.ReasonOf(err)
	if reason == "" || reason == verifiers.UnavailableKey {
		return h.unavailable(w, r, about, err)
	}
	about.reason = string(reason)
	h.metrics.refused(reason).Inc()
	about.tell("refused")
	h.noteRefusal("request refused", r, about, size, err)

	switch reason {
	case verifiers.BodyTooLarge:
		return caddyhttp.Error(http.StatusRequestEntityTooLarge, reason)
	case verifiers.MethodNotAllowed:
		w.Header().Set("Allow", strings.Join(h.allowed(), ", "))
		return caddyhttp.Error(http.StatusMethodNotAllowed, reason)
	case verifiers.MalformedBody:
		return caddyhttp.Error(http.StatusBadRequest, reason)
	}
	if demanded := h.row.Answers.Refused; demanded != (verifiers.Answer{}) {
		return h.answer(w, demanded, http.StatusUnauthorized)
	}
	if reason == verifiers.MalformedSignature || reason == verifiers.MalformedTimestamp {
		return caddyhttp.Error(http.StatusBadRequest, reason)
	}
	return caddyhttp.Error(http.StatusUnauthorized, reason)
}

// failed answers a request that ended in an error, as Caddy's server would. The routes
// of handle_errors run; without any, the status alone is sent. The error does not
// reach the server, because the server logs the query and all headers of such a
// request, and there may be a token in them.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, about *facts, err error) error {
	if err == nil || h.guardedErrors {
		return err
	}
	status := http.StatusInternalServerError
	var he caddyhttp.HandlerError
	if errors.As(err, &he) && he.StatusCode != 0 {
		status = he.StatusCode
	}
	level, text := zapcore.DebugLevel, "the request ended in an error"
	if status >= 500 && r.Context().Err() == nil {
		level, text = zapcore.ErrorLevel, "the handlers behind the gateway failed"
	}
	h.noteFailure(level, text, about, status, err)
	if routes := h.server.Errors; routes != nil && len(routes.Routes) > 0 {
		restore(r)
		answer := routes.Routes.Compile(caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(status)
			return nil
		}))
		if err = answer.ServeHTTP(w, routes.WithError(r, err)); err == nil {
			return nil
		}
		h.noteFailure(zapcore.ErrorLevel, "handle_errors failed", about, status, err)
	}
	w.WriteHeader(status)
	return nil
}

// noteFailure logs an error of other handlers. A forged request can cause one where
// the endpoint observes, or where handle_errors fails.
func (h *Handler) noteFailure(level zapcore.Level, text string, about *facts, status int, err error) {
	fields := func() []zap.Field {
		return []zap.Field{zap.Int("status", status), zap.Error(h.redacting().failure(plainly(err)))}
	}
	if about.signed == "" || about.reason != "" {
		h.note(level, text, about.reason, about, fields)
	} else if line := h.logger.Check(level, text); line != nil {
		line.Write(append(about.fields(), fields()...)...)
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
func (h *Handler) unavailable(w http.ResponseWriter, r *http.Request, about *facts, err error) error {
	h.metrics.unavailable.Inc()
	about.tell("unavailable")
	h.note(zapcore.ErrorLevel, "event not accepted; the sender was asked to try again", causeOf(err), about, func() []zap.Field {
		return []zap.Field{zap.String("remote_addr", clientIP(r)), zap.Error(err)}
	})
	w.Header().Set("Retry-After", retryAfterFor(err))
	// Not as an error: Caddy logs those with the request's headers, in which there
	// may be a token.
	w.WriteHeader(http.StatusServiceUnavailable)
	return nil
}

// crowded answers when there is no memory for a request. The rest of the body is not
// read: otherwise the sender could keep the connection open as long as it likes.
func (h *Handler) crowded(w http.ResponseWriter, r *http.Request, about *facts, err error) error {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	return h.unavailable(w, r, about, err)
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
