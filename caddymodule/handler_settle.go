package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/verifiers"
)

// adopt takes the verifier, its row and the defaults of the row.
func (h *Handler) adopt(mod any) error {
	v, ok := mod.(verifiers.Verifier)
	if !ok {
		return fmt.Errorf("module %T verifies nothing: it is no verifiers.Verifier", mod)
	}
	h.checker = checkerOf(v)
	h.provider, _ = mod.(*Provider)
	if c, ok := mod.(Catalogued); ok {
		h.row = c.Row()
	} else {
		h.row.Name = strings.TrimPrefix(string(mod.(caddy.Module).CaddyModule().ID), "webhook_gateway.verifiers.")
	}
	if h.Name == "" {
		h.Name = h.row.Name
	}
	if err := h.checkName(); err != nil {
		return err
	}
	h.patience = patienceOf(h.row.Retries.Deadline, h.row.Retries.Attempts)
	if h.methods = h.row.Methods; h.methods == nil {
		h.methods = []string{http.MethodPost}
	}
	switch {
	case h.MaxBody < 0:
		return fmt.Errorf("endpoint %q: max_body cannot be negative", h.Name)
	case h.MaxBody == 0 && h.row.MaxBody > 0:
		h.MaxBody = h.row.MaxBody
	case h.MaxBody == 0:
		h.MaxBody = defaultMaxBody
	}
	return nil
}

// checkName checks the endpoint's name.
func (h *Handler) checkName() error {
	if strings.Contains(h.Name, "{") {
		return fmt.Errorf("endpoint name %q: placeholders stay as they are in a name; write the name itself, since deduplication, deliveries and metrics go by it", h.Name)
	}
	if badName(h.Name) {
		return fmt.Errorf("endpoint name %q: at most 100 bytes, without space and slashes, not of dots alone", h.Name)
	}
	return nil
}

// checkReplays checks the word of `replays`.
func (d *Dedupe) checkReplays() error {
	switch d.Replays {
	case "", "refuse", "allow":
		return nil
	}
	return fmt.Errorf("replays is refuse or allow, not %q", d.Replays)
}

// settleLimits checks the endpoint's limits and its mode.
func (h *Handler) settleLimits() error {
	switch {
	case h.Mode != "" && h.Mode != "enforce" && h.Mode != "observe":
		return fmt.Errorf("mode is observe or enforce, not %q", h.Mode)
	case h.Refused != "" && h.Refused != "off":
		return fmt.Errorf("refused: an endpoint can say `refused off` only; the global option has the size, and %q is not off", h.Refused)
	case h.MaxBacklog < 0 || h.MaxInFlight < 0:
		return errors.New("max_backlog and max_in_flight cannot be negative")
	case h.Retention != nil && *h.Retention < 0:
		return errors.New("retention is a positive duration, such as `retention 24h`, or `off`")
	case h.Keep && len(h.Forwards) > 0:
		return errors.New("keep and forward exclude each other: an endpoint with a forward keeps its events for the retention as well")
	case h.Keep && h.Retention != nil && *h.Retention == 0:
		return errors.New("keep and `retention off` exclude each other: nothing would be kept")
	}
	return h.Redact.check()
}

// settleTolerance decides how old a time may be. A configured tolerance is enforced
// even if the signature does not cover the time. A time that only the configuration
// describes is limited if it is signed.
func (h *Handler) settleTolerance() error {
	h.freshness = h.row.Freshness
	limit := &h.freshness.Tolerance
	timed, told := h.row.Scheme.(verifiers.Timed)
	switch t := h.Tolerance; {
	case t == nil && h.row.Freshness.Origin == verifiers.NoTime && *limit == verifiers.Tolerance{} && told && timed.Timed():
		*limit = verifiers.Tolerance{Past: defaultPast, Future: defaultFuture}
		h.freshness.Optional = true
	case t == nil:
	case t.Off:
		*limit = verifiers.Tolerance{}
		h.freshness.Leeway = -1
	case t.Past <= 0 || t.Future < 0:
		return errors.New("a tolerance is a positive duration, such as `tolerance 5m`, or `off`")
	default:
		*limit = verifiers.Tolerance{
			Past:   time.Duration(t.Past),
			Future: cmp.Or(time.Duration(t.Future), limit.Future, defaultFuture),
		}
		h.freshness.Unsigned = true
	}
	h.exposure = limit.Past + limit.Future
	if told && !timed.Timed() && *limit != (verifiers.Tolerance{}) {
		*limit = verifiers.Tolerance{}
		if h.Tolerance != nil {
			h.logger.Warn("the tolerance has no effect: this provider's requests carry no time; "+
				"if they do, say where with `timestamp`", zap.String("endpoint", h.Name))
		}
	}
	return nil
}

// settleDedupe decides by which key events are recognised, and for how long.
func (h *Handler) settleDedupe() error {
	d := h.Dedupe
	if d == nil {
		d = new(Dedupe)
	}
	h.rule = dedupe.Rule{
		DigestOnly:    h.row.Dedupe.By == verifiers.ByDigest,
		UniqueContent: h.row.Dedupe.UniqueBodies,
	}
	switch d.Replays {
	case "":
		h.refuse = h.row.Dedupe.UniqueBodies
	case "refuse": // no two events have the same body, so the body is a key even without an ID
		h.refuse, h.rule.UniqueContent = true, true
	case "allow":
		h.refuse = false
	default:
		return d.checkReplays()
	}
	if verifiers.DescriptionOf(h.row.Scheme).SendsSecret {
		h.rule.SignedToo = h.refuse
	}
	if d.Replays == "refuse" && d.Off {
		h.logger.Warn("`replays refuse` has no effect: with `dedupe off` nothing is remembered; take `dedupe off` away", zap.String("endpoint", h.Name))
	}
	if d.Off || d.Window == 0 && h.row.Dedupe.By == verifiers.ByNothing && d.Replays != "refuse" {
		return nil
	}
	if s, ok := h.row.Scheme.(verifiers.Identified); ok && !s.Identified() &&
		!h.rule.DigestOnly && !h.rule.UniqueContent {
		h.logger.Warn("duplicates cannot be recognised: requests carry no event ID; say where it is with `event_id`, "+
			"or `dedupe off` if it is meant so", zap.String("endpoint", h.Name))
	}
	switch h.window = time.Duration(d.Window); {
	case h.window < 0:
		return errors.New("a dedupe window is a positive duration, such as `dedupe 24h`, or `off`")
	case h.window == 0:
		h.window = max(h.row.Dedupe.Window, defaultWindow, h.exposure)
		if h.freshness.Tolerance.Past == 0 {
			h.window = max(h.window, untimedWindow)
		}
	case h.window < h.exposure:
		return fmt.Errorf("the dedupe window %s is shorter than the tolerance, past and future together: "+
			"a captured request could be sent again when its event is forgotten; make it at least %s, or the tolerance shorter",
			span(h.window), span(h.exposure))
	}
	return nil
}

// settleRow checks the endpoint's lines against its provider's row, and warns of
// settings that refuse genuine events or accept forged ones.
func (h *Handler) settleRow() error {
	switch {
	case h.Enrol && (h.provider == nil || !h.row.Secret.Learnt):
		return fmt.Errorf("enrol: %s hands no secret over; give it with `secret`", h.row.Title)
	case h.Keep && h.retention() == 0:
		return errors.New("keep needs a retention: the global option says `retention off`, so nothing would be kept; give the endpoint one, such as `retention 24h`")
	case h.asynchronous() && h.row.Synchronous != "":
		line := "forward"
		if h.Keep {
			line = "keep"
		}
		return errors.New(line + " answers the sender before your app does, and here the app's own answer is needed: " +
			h.row.Synchronous + " Leave `" + line + "` out and let the next handler answer")
	}
	endpoint := zap.String("endpoint", h.Name)
	if !h.row.Confirmed && len(h.row.Docs) > 0 {
		h.logger.Warn("this provider's way of signing is unconfirmed: its description does not come from the provider itself, "+
			"so genuine requests may be refused; try it with real ones before you rely on it", endpoint,
			zap.String("provider", h.row.Name))
	}
	if h.provider != nil {
		for i, secret := range h.provider.secrets {
			if what := doubtful(secret); what != "" {
				h.logger.Warn("the secret has "+what+", which counts as part of it; is it meant so?", endpoint, zap.Int("secret", i+1))
			}
		}
	}
	h.warnOfScheme()
	if s, ok := h.row.Scheme.(verifiers.Unaddressed); ok {
		if missing := s.Unaddressed(); len(missing) > 0 {
			h.logger.Warn("a request that the provider has signed for somebody else, or for another endpoint, would be accepted "+
				"here as well; say for whom it has to be with `"+strings.Join(missing, "` or `")+"`", endpoint)
		}
	}
	return nil
}
