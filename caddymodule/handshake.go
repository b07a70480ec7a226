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
	"github.com/hookwicket/hookwicket/verifiers"
)

// guest is what an endpoint judges requests with.
type guest struct {
	verifier   verifiers.Verifier
	handshakes *verifiers.Handshakes
	coded      verifiers.Handshaker
	learnt     *[]string // the secrets that it has besides the configured ones
}

func guestOf(v verifiers.Verifier) guest {
	g := guest{verifier: v}
	g.coded, _ = v.(verifiers.Handshaker)
	if p, ok := v.(*Provider); ok {
		g.handshakes = p.handshakes
	}
	return g
}

// handshake asks whether a request is a handshake.
func (g *guest) handshake(r *verifiers.Request, verified bool) (verifiers.HandshakeReply, bool, error) {
	if g.handshakes != nil {
		if reply, ok := g.handshakes.Answer(r, verified); ok {
			return reply, true, nil
		}
	}
	if g.coded != nil && !verified {
		return g.coded.Handshake(r)
	}
	return verifiers.HandshakeReply{}, false, nil
}

// allowed returns the methods that an endpoint takes, those of its handshakes
// included.
func (h *Handler) allowed() []string {
	all := slices.Clone(h.methods)
	if g := h.guest.handshakes; g != nil {
		for _, m := range g.Methods() {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// greet answers a request that is a handshake. A handshake is no event: it is
// neither forwarded nor remembered.
func (h *Handler) greet(w http.ResponseWriter, r *http.Request, shared *shared, about *facts,
	g *guest, req *verifiers.Request, verified bool,
) (answered bool, err error) {
	reply, ok, err := g.handshake(req, verified)
	switch {
	case err != nil:
		return true, h.unavailable(w, r, about, err)
	case !ok:
		return false, nil
	}
	if reply.Denied == "" && reply.Enrol != "" {
		if reply.Denied, err = h.enrol(r.Context(), shared, reply.Enrol); err != nil {
			return true, h.unavailable(w, r, about, err)
		}
		if reply.Denied != "" {
			reply = verifiers.HandshakeReply{Name: reply.Name, Status: http.StatusForbidden, Denied: reply.Denied}
		} else {
			h.noteHandshake(zapcore.WarnLevel, "a secret was learnt from this request; what is signed with it is an event from now on. "+
				"Take `enrol` off when the provider is set up; `caddy webhook learnt` shows it", r, about, reply)
		}
	}
	if reply.Denied != "" {
		h.metrics.denied.WithLabelValues(reply.Name).Inc()
		h.noteHandshake(zapcore.WarnLevel, "handshake refused", r, about, reply, zap.String("detail", reply.Denied))
		w.WriteHeader(reply.Status)
		return true, nil
	}
	if reply.Confirm != "" {
		if err := h.app.callOut(r.Context(), reply); err != nil {
			return true, h.unavailable(w, r, about, fmt.Errorf("confirming the handshake %s: %w", reply.Name, err))
		}
	}
	h.metrics.greeted.WithLabelValues(reply.Name).Inc()
	h.noteHandshake(zapcore.InfoLevel, "handshake answered", r, about, reply)
	return true, writeReply(w, r, reply)
}

// noteHandshake logs a handshake, which anybody can repeat.
func (h *Handler) noteHandshake(level zapcore.Level, text string, r *http.Request, about *facts,
	reply verifiers.HandshakeReply, more ...zap.Field,
) {
	h.note(level, text, reply.Name, about, func() []zap.Field {
		return append([]zap.Field{zap.String("handshake", reply.Name), zap.String("remote_addr", clientIP(r))}, more...)
	})
}

// writeReply writes an answer that may repeat some of an unsigned request: no
// browser may take it for a page.
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

// enrol keeps a secret that a provider hands over. It returns why it does not,
// where that is not the gateway's fault.
func (h *Handler) enrol(ctx context.Context, shared *shared, secret string) (denied string, err error) {
	if !h.Enrol {
		return "a secret was handed over, and the endpoint does not say `enrol`; add it, if you are setting the provider up now", nil
	}
	if len(secret) < minLearnt || len(secret) > maxLearnt || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Sprintf("what was handed over is no secret: %d to %d visible characters are", minLearnt, maxLearnt), nil
	}
	if _, err := h.provider.with([]string{secret}); err != nil {
		return "what was handed over is no secret of this provider's", nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptTimeout)
	defer cancel()
	err = shared.learn(ctx, h.Name, secret)
	if errors.Is(err, queue.ErrTooMany) {
		return fmt.Sprintf("the endpoint has learnt %d secrets already", queue.MaxLearnt), nil
	}
	return "", err
}

// The length of a secret that is worth learning.
const minLearnt, maxLearnt = 8, 1024
