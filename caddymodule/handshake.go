package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/refused"
	"github.com/hookwicket/hookwicket/verifiers"
)

// checker is a verifier with its handshakes. While an endpoint learns secrets, it gets
// a new checker with each of them.
type checker struct {
	verifier   verifiers.Verifier
	handshakes *verifiers.Handshakes // of the provider's row; nil: there are none
	coded      verifiers.Handshaker  // the verifier, if its handshakes are code
	learnt     *[]string             // its secrets besides the configured ones
}

func checkerOf(v verifiers.Verifier) checker {
	c := checker{verifier: v}
	c.coded, _ = v.(verifiers.Handshaker)
	if p, ok := v.(*Provider); ok {
		c.handshakes = p.handshakes
	}
	return c
}

// handshake returns the reply to a request if it is a handshake. Handshakes that need
// no signature are tried before the request is verified, the others after it.
func (c *checker) handshake(r *verifiers.Request, verified bool) (verifiers.HandshakeReply, bool, error) {
	if c.handshakes != nil {
		if reply, ok := c.handshakes.Answer(r, verified); ok {
			return reply, true, nil
		}
	}
	if c.coded != nil && !verified {
		return c.coded.Handshake(r)
	}
	return verifiers.HandshakeReply{}, false, nil
}

// allowed returns the methods of an endpoint's events and handshakes.
func (h *Handler) allowed() []string {
	all := slices.Clone(h.methods)
	if g := h.checker.handshakes; g != nil {
		for _, m := range g.Methods() {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// greet handles a request that is a handshake. A handshake is no event: it is neither
// forwarded nor remembered. The gateway answers it, unless a live receiver is there to
// do so: the next handler of an observing endpoint without a forward.
func (q *request) greet(verified bool) (answered bool, err error) {
	reply, is, err := q.checker.handshake(&q.received, verified)
	live := q.endpoint.observing() && !q.endpoint.asynchronous()
	switch {
	case err != nil && !live:
		return true, q.unavailable(err)
	case err != nil, !is:
		return false, nil
	case live:
		return true, q.passHandshake(reply)
	}
	return true, q.answerHandshake(reply)
}

// answerHandshake answers a handshake, after the steps that it asks for.
func (q *request) answerHandshake(reply verifiers.HandshakeReply) error {
	h := q.endpoint
	if reply.Denied == "" && reply.Enrol != "" {
		denied, err := h.enrol(q.r.Context(), q.shared, reply.Enrol)
		if err != nil {
			return q.unavailable(err)
		}
		if denied != "" {
			reply = verifiers.HandshakeReply{Name: reply.Name, Status: http.StatusForbidden, Denied: denied}
		} else {
			q.noteHandshake(zapcore.WarnLevel, "a secret was learnt from this request; requests signed with it are events from now on. "+
				"Take `enrol` off when the provider is set up; `caddy webhook learnt` shows it", reply)
		}
	}
	if reply.Denied != "" {
		q.denied("handshake refused", reply, reply.Status)
		q.w.WriteHeader(reply.Status)
		return nil
	}
	if reply.Confirm != "" {
		if err := h.app.callOut(q.r.Context(), reply); err != nil {
			return q.unavailable(fmt.Errorf("confirming the handshake %s: %w", reply.Name, err))
		}
	}
	h.metrics.greeted.WithLabelValues(reply.Name).Inc()
	q.noteHandshake(zapcore.InfoLevel, "handshake answered", reply)
	return writeReply(q.w, q.r, reply)
}

// passHandshake lets the next handler answer a handshake. While the endpoint enrols, a
// secret that the provider sends is learnt all the same.
func (q *request) passHandshake(reply verifiers.HandshakeReply) error {
	h := q.endpoint
	if reply.Denied == "" && reply.Enrol != "" && h.Enrol {
		var err error
		if reply.Denied, err = h.enrol(q.r.Context(), q.shared, reply.Enrol); err != nil {
			q.noteHandshake(zapcore.ErrorLevel, "a secret was handed over and could not be kept", reply, zap.Error(err))
		}
	}
	if reply.Denied != "" {
		q.denied("handshake would be refused; it is passed on", reply, 0)
	} else {
		q.noteHandshake(zapcore.InfoLevel, "handshake passed on", reply)
	}
	if err := q.passable(); err != nil {
		return q.unavailable(err)
	}
	return q.next.ServeHTTP(q.w, q.r)
}

// denied counts and logs a handshake whose answer is no. The status is that of the
// answer; 0: the next handler gives it.
func (q *request) denied(text string, reply verifiers.HandshakeReply, status int) {
	q.endpoint.metrics.denied.WithLabelValues(reply.Name).Inc()
	q.capture(refusal{refused.ReasonHandshake, reply.Name + ": " + reply.Denied, status})
	q.noteHandshake(zapcore.WarnLevel, text, reply, zap.String("detail", reply.Denied))
}

// noteHandshake logs a handshake, which anybody can repeat.
func (q *request) noteHandshake(level zapcore.Level, text string, reply verifiers.HandshakeReply, more ...zap.Field) {
	q.endpoint.note(remark{level, text, reply.Name}, q.facts, func() []zap.Field {
		return append([]zap.Field{zap.String("handshake", reply.Name), zap.String("remote_addr", clientIP(q.r))}, more...)
	})
}

// writeReply writes an answer that may repeat parts of an unsigned request. A browser
// must not show it as a page.
func writeReply(w http.ResponseWriter, r *http.Request, reply verifiers.HandshakeReply) error {
	for name, values := range reply.Header {
		w.Header()[name] = values
	}
	if reply.Type != "" {
		w.Header().Set("Content-Type", reply.Type)
	}
	if len(reply.Body) > 0 {
		w.Header().Set("X-Content-Type-Options", "nosniff")
	}
	w.WriteHeader(reply.Status)
	if len(reply.Body) == 0 || r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(reply.Body)
	return err
}

// enrol keeps a secret that a provider sends. It returns the reason if the secret is
// not acceptable, and an error if the gateway is at fault.
func (h *Handler) enrol(ctx context.Context, shared *shared, secret string) (denied string, err error) {
	if !h.Enrol {
		return "a secret was handed over, and the endpoint does not say `enrol`; add it, if you are setting the provider up now", nil
	}
	if len(secret) < minLearnt || len(secret) > maxLearnt || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Sprintf("the value that was handed over is no secret: a secret has %d to %d visible characters", minLearnt, maxLearnt), nil
	}
	if _, err := h.provider.with([]string{secret}); err != nil {
		return "the value that was handed over is no secret of this provider", nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptTimeout)
	defer cancel()
	err = shared.learn(ctx, h.Name, secret)
	if errors.Is(err, queue.ErrTooMany) {
		return fmt.Sprintf("the endpoint has learnt %d secrets already", queue.MaxLearnt), nil
	}
	return "", err
}

// The length of a secret that can be learnt, in bytes.
const minLearnt, maxLearnt = 8, 1024

// probeMethods can be the methods of a probe: no provider sends an event with them,
// unless its row says so.
var probeMethods = []string{http.MethodHead, http.MethodGet, http.MethodOptions}

// probes makes a handshake of each method with which a sender checks that the URL
// exists. The answer is 200 with an empty body, whatever the request contains. A probe
// is neither verified nor forwarded.
func (p *Provider) probes() (all []verifiers.Handshake, err error) {
	events := p.row.Methods
	if events == nil {
		events = []string{http.MethodPost}
	}
	for _, method := range p.Probe {
		switch {
		case !slices.Contains(probeMethods, method):
			return nil, fmt.Errorf("probe %q: an unsigned request can be answered for %s only", method, enumerate(probeMethods))
		case slices.Contains(events, method):
			return nil, fmt.Errorf("probe %s: this provider sends events with %s, and they have to be verified", method, method)
		}
		all = append(all, verifiers.Handshake{Name: "probe", Method: method})
	}
	return all, nil
}
