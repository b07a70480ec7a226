package caddymodule

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// forget removes a dedupe key: of a message that is kept, or of an event ID.
func (a *adminAPI) forget(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	endpoint, event, message := query.Get("endpoint"), query.Get("event_id"), query.Get("message")
	switch {
	case message == "" && (endpoint == "" || event == ""):
		return badRequest("say which key: with endpoint and event_id, or with message")
	case message != "" && event != "":
		return badRequest("message and event_id: one of them is enough")
	}
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	var answer adminapi.Forgotten
	if message != "" {
		id, err := parseID(message)
		if err != nil {
			return err
		}
		found, err := o.look(r.Context(), id)
		if err != nil {
			return err
		}
		if endpoint != "" && endpoint != found.Endpoint {
			return apiFailure(http.StatusNotFound, "message %s is of endpoint %s, not of %s", id, found.Endpoint, endpoint)
		}
		answer.Forgotten, err = o.forgetMessage(r.Context(), found)
		if err != nil {
			return err
		}
	} else {
		if answer, err = o.forgetEvent(r.Context(), endpoint, event); err != nil {
			return err
		}
	}
	if !answer.Forgotten && answer.Note == "" {
		answer.Note = "there was no such key: its window is over, or it was forgotten before"
	}
	return writeJSON(w, answer)
}

// handlerOf returns the endpoint of the configuration, whose rule makes the keys.
func (o *opened) handlerOf(endpoint string) (*Handler, error) {
	if _, err := o.checkTarget(endpoint, nil); err != nil {
		return nil, err
	}
	h := o.app.endpoints[endpoint]
	switch {
	case h == nil:
		return nil, apiFailure(http.StatusUnprocessableEntity, "endpoint %s is not in the configuration, so the rule of its keys is unknown", endpoint)
	case h.window == 0:
		return nil, apiFailure(http.StatusUnprocessableEntity, "endpoint %s does not deduplicate", endpoint)
	}
	return h, nil
}

// forgetEvent forgets the keys of an event ID: the key of the ID itself if the ID is
// signed, else those of the kept messages with this ID.
func (o *opened) forgetEvent(ctx context.Context, endpoint, event string) (answer adminapi.Forgotten, err error) {
	h, err := o.handlerOf(endpoint)
	if err != nil {
		return answer, err
	}
	if !h.rule.DigestOnly {
		id := h.identify(verifiers.Event{ID: event, Signed: verifiers.Fields{ID: true}})
		if answer.Forgotten, err = o.forgetIdentity(ctx, id); err != nil || answer.Forgotten {
			return answer, err
		}
	}
	var after queue.Cursor
	for {
		page, err := o.store.Messages(ctx, queue.Filter{Endpoint: endpoint, EventID: event}, after, defaultPage)
		if err != nil {
			return answer, err
		}
		for _, m := range page.Messages {
			there, err := o.forgetMessage(ctx, &queue.Inspection{Summary: m.Summary})
			if err != nil {
				return answer, err
			}
			answer.Forgotten = answer.Forgotten || there
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if !answer.Forgotten {
		answer.Note = "there was no key of this ID, nor is a message kept that came under it; events whose ID is not signed are known by their content"
	}
	return answer, nil
}

// forgetMessage forgets the keys of a stored message. If they depend on the signed
// parts, the request is verified again to find these.
func (o *opened) forgetMessage(ctx context.Context, found *queue.Inspection) (bool, error) {
	h, err := o.handlerOf(found.Endpoint)
	if err != nil {
		return false, err
	}
	m, err := o.read(ctx, found)
	if err != nil {
		return false, apiFailure(http.StatusUnprocessableEntity, "message %s: %w", found.ID, err)
	}
	event := verifiers.Event{ID: m.EventID}
	event.Signed.ID = slices.Contains(strings.Fields(m.Signed), "id")
	if h.rule.DigestOnly || !event.Signed.ID || m.EventID == "" {
		checker, err := h.current(ctx, o.shared)
		if err != nil {
			return false, err
		}
		r, err := h.stored(ctx, m, factsOf(&queue.Delivery{Message: m}))
		if err != nil {
			return false, err
		}
		request := &verifiers.Request{Method: m.Method, URL: h.calledURL(r), Header: m.Header, Body: m.Body}
		if event, err = checker.verifier.Verify(ctx, request); err != nil {
			return false, apiFailure(http.StatusUnprocessableEntity,
				"the key of message %s comes from its signed parts, and its signature is not valid any more (%s); has the secret changed?", found.ID, verifiers.ReasonOf(err))
		}
	}
	return o.forgetIdentity(ctx, h.identify(event))
}

// forgetIdentity forgets both keys of an event, in the store first.
func (o *opened) forgetIdentity(ctx context.Context, id queue.Identity) (there bool, err error) {
	for _, key := range []queue.Key{id.Key, id.Digest} {
		if key == (queue.Key{}) {
			continue
		}
		was, err := o.store.ForgetKey(ctx, key)
		if err != nil {
			return there, err
		}
		o.shared.window.Forget(key)
		there = there || was
	}
	return there, nil
}
