package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// testHeader marks an event that a person has made with testEvent, for the app and for
// whoever looks at the event. A sender cannot set it.
const testHeader = headerPrefix + "Test"

// testEvent makes an event as the endpoint's provider would, signs it with the endpoint's
// secret, and takes it the way of every event. The answer has the outcome alone: neither
// the secret nor the signature leaves the process.
func (a *adminAPI) testEvent(w http.ResponseWriter, r *http.Request) error {
	var ask adminapi.TestAsk
	if err := readJSON(r, &ask); err != nil {
		return err
	}
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	name := r.PathValue("endpoint")
	if _, err := o.checkTarget(name, nil); err != nil {
		return err
	}
	done, err := o.shared.look(r.Context())
	if err != nil {
		return err
	}
	defer done()
	answer, err := o.try(r.Context(), name, ask)
	switch {
	case gatewayAtFault(err):
		return apiFailure(http.StatusServiceUnavailable, "%w", err)
	case err != nil:
		return apiFailure(http.StatusUnprocessableEntity, "%s", o.redactor(name).plain(err.Error()))
	}
	o.app.logger.Info("a person has made a test event", zap.String("endpoint", name), zap.String("outcome", answer.Outcome),
		zap.String("reason", answer.Reason), zap.String("message_id", answer.MessageID))
	return writeJSON(w, answer)
}

var (
	errNotConfigured = errors.New("the configuration does not have the endpoint, so nothing is known of its provider")
	errPassesOn      = errors.New("the endpoint has no forward: the next handler answers the sender. `caddy webhook send --to URL` tries it")
	errNoRow         = errors.New("its provider is another module's, and has no sample event")
)

// try makes a test event of an endpoint and accepts it. An error that is not the gateway's
// fault says why there can be none.
func (o *opened) try(ctx context.Context, name string, ask adminapi.TestAsk) (answer adminapi.Tested, err error) {
	h := o.app.endpoints[name]
	switch {
	case h == nil:
		return answer, errNotConfigured
	case !h.asynchronous():
		return answer, errPassesOn
	case h.provider == nil:
		return answer, errNoRow
	}
	now := time.Now()
	signed, err := o.signed(ctx, h, ask, now)
	if err != nil {
		return answer, err
	}
	u, err := url.Parse(signed.URL)
	if err != nil {
		return answer, err
	}
	m := &queue.Message{
		Method: signed.Method, URI: u.RequestURI(), Host: u.Host, Header: signed.Header, Body: signed.Body, Proto: "HTTP/1.1",
		Endpoint: h.Name, Provider: h.row.Name, ReceivedAt: now, ClientIP: "127.0.0.1",
	}
	q, err := h.anew(ctx, o.shared, m, m.URI)
	if err != nil {
		return answer, err
	}
	fault, err := q.judgeAgain(now)
	switch reason := verifiers.ReasonOf(fault); {
	case err != nil:
		return answer, err
	case fault != nil && (reason == "" || reason == verifiers.UnavailableKey):
		return answer, errors.Join(queue.ErrUnavailable, fault)
	case fault != nil:
		answer.Outcome, answer.Reason, answer.Detail = "refused", string(reason), o.redactor(name).plain(detail(fault))
		return answer, nil
	}
	if err := q.acceptAgain(testHeader, "1"); err != nil {
		return answer, err
	}
	answer.Outcome, answer.EventID, answer.EventType = queue.New.String(), q.facts.eventID, q.facts.eventType
	if q.dropped() {
		answer.Outcome = q.verdict.String()
		return answer, nil
	}
	answer.MessageID = q.facts.messageID
	for _, route := range q.routes {
		answer.Destinations = append(answer.Destinations, route.Destination.String())
	}
	slices.Sort(answer.Destinations)
	return answer, nil
}

// signed makes the request of a test event.
func (o *opened) signed(ctx context.Context, h *Handler, ask adminapi.TestAsk, now time.Time) (*verifiers.Request, error) {
	secrets := h.provider.secrets
	if h.row.Secret.Learnt {
		learnt, err := o.shared.learntBy(ctx, h.Name)
		if err != nil {
			return nil, err
		}
		secrets = append(slices.Clone(secrets), *learnt...)
	}
	if len(secrets) == 0 {
		return nil, errors.New("the endpoint has no secret to sign with: only " + h.row.Title + " can sign for it")
	}
	s := &signing{
		command: &command{provider: h.provider, secrets: secrets[:1], url: cmp.Or(h.PublicURL, "http://localhost/"+url.PathEscape(h.Name)), now: now},
		id:      ask.ID, eventType: ask.Type,
	}
	return s.request(now)
}
