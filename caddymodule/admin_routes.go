package caddymodule

import (
	"net/http"

	"github.com/hookwicket/hookwicket/adminapi"
)

// apiRoute is one operation of the admin API: both what is served and what the
// OpenAPI document says of it.
type apiRoute struct {
	method, path string
	id           string // operationId
	summary      string
	params       []apiParam
	body         any // nil: none
	answer       any // nil: see content
	content      string
	errors       []int
	serve        func(*adminAPI, http.ResponseWriter, *http.Request) error
}

type apiParam struct {
	name, doc string
	path      bool
	required  bool
	kind      string // integer; default: string
	most      int    // of an integer
}

var (
	paramID       = apiParam{name: "id", doc: "A message's ID.", path: true, required: true}
	paramEndpoint = apiParam{name: "endpoint", doc: "An endpoint's name."}
	paramFilter   = []apiParam{
		paramEndpoint,
		{name: "forward", doc: "A forward's name; empty: the one without a name."},
		{name: "state", doc: "One or more of waiting, delivered, dead_letter, cancelled, unrouted, with commas between; or all."},
		{name: "type", doc: "An event type; * stands for any text, as in payment.*"},
		{name: "event_id", doc: "An event ID."},
		{name: "since", doc: "Received then or later: a time as in RFC 3339, or how long ago, such as 2h or 3d."},
		{name: "until", doc: "Received before: as since."},
		{name: "after", doc: "next of the page before."},
		{name: "limit", doc: "How many at the most. Default: 100.", kind: "integer", most: 1000},
	}
)

// apiRoutes are all operations.
func apiRoutes() []apiRoute {
	bulk := func(id, summary string, serve func(*adminAPI, http.ResponseWriter, *http.Request) error) apiRoute {
		return apiRoute{
			method: http.MethodPost, path: "/" + id, id: id, summary: summary,
			body: adminapi.Bulk{}, answer: adminapi.Done{}, errors: []int{400, 404, 503}, serve: serve,
		}
	}
	return []apiRoute{
		{method: "GET", path: adminapi.PathStatus, id: "status", summary: "The store, the limits and the totals.",
			answer: adminapi.Status{}, errors: []int{503}, serve: (*adminAPI).status},
		{method: "GET", path: adminapi.PathEndpoints, id: "endpoints", summary: "All endpoints with their forwards, counters and health, those included that are only in the store.",
			answer: adminapi.Endpoints{}, errors: []int{503}, serve: (*adminAPI).endpoints},
		{method: "GET", path: adminapi.PathEndpoints + "/{endpoint}", id: "endpoint", summary: "One endpoint.",
			params: []apiParam{{name: "endpoint", doc: "An endpoint's name.", path: true, required: true}},
			answer: adminapi.Endpoint{}, errors: []int{404, 503}, serve: (*adminAPI).endpoint},
		{method: "POST", path: adminapi.PathPause, id: "pause", summary: "Keep deliveries waiting until they are resumed; attempts under way end. It outlasts restarts.",
			body: adminapi.Target{}, answer: adminapi.Paused{}, errors: []int{400, 404, 503}, serve: (*adminAPI).pause},
		{method: "POST", path: adminapi.PathResume, id: "resume", summary: "Undo pause.",
			body: adminapi.Target{}, answer: adminapi.Paused{}, errors: []int{400, 404, 503}, serve: (*adminAPI).resume},
		{method: "GET", path: adminapi.PathMessages, id: "messages", summary: "Messages by their receipt, the newest first, each with its deliveries. With a state: those with a delivery in it.",
			params: paramFilter, answer: adminapi.Messages{}, errors: []int{400, 404, 503}, serve: (*adminAPI).messages},
		{method: "GET", path: adminapi.PathDeliveries, id: "deliveries", summary: "Deliveries. Of one state they come in its order: waiting ones by the time they are due, dead letters by their receipt with the newest first, others by their end with the latest first. Else they come by receipt, the newest first.",
			params: paramFilter, answer: adminapi.Deliveries{}, errors: []int{400, 404, 503}, serve: (*adminAPI).deliveries},
		{method: "GET", path: adminapi.PathMessages + "/{id}", id: "message", summary: "One message with its request, its deliveries, their attempts and the answers. What is secret is redacted.",
			params: []apiParam{paramID, {name: "limit", doc: "Bytes of the body to show. Default: 65536.", kind: "integer", most: maxShownBody}},
			answer: adminapi.Message{}, errors: []int{400, 404, 410, 503}, serve: (*adminAPI).message},
		{method: "GET", path: adminapi.PathMessages + "/{id}/body", id: "body", summary: "The body of a message, byte for byte but for what is redacted.",
			params: []apiParam{paramID}, content: "application/octet-stream", errors: []int{400, 404, 410, 422, 503}, serve: (*adminAPI).body},
		{method: "POST", path: adminapi.PathMessages + "/{id}/redeliver", id: "redeliverMessage", summary: "Deliver one message once more, at once and with its attempts forgotten, whatever its state.",
			params: []apiParam{paramID}, body: adminapi.Redeliver{}, answer: adminapi.Redelivered{}, errors: []int{400, 404, 409, 410, 422, 503}, serve: (*adminAPI).redeliverMessage},
		bulk("redeliver", "Deliver once more what the filter selects, which has to name a state, or with forward send messages there.", (*adminAPI).redeliver),
		bulk("cancel", "End waiting deliveries. They are kept for the retention and can be redelivered.", (*adminAPI).cancel),
		bulk("bury", "Make waiting deliveries dead letters.", (*adminAPI).bury),
		bulk("purge", "Remove deliveries, and messages with their last one. The filter has to name a state. It cannot be undone.", (*adminAPI).purge),
		bulk("count", "Count what a filter selects, and change nothing.", (*adminAPI).count),
		{method: "DELETE", path: adminapi.PathKeys, id: "forget", summary: "Forget a dedupe key, so that its event is accepted once more when it arrives again.",
			params: []apiParam{paramEndpoint, {name: "event_id", doc: "The event's ID; with endpoint, and where the key depends on the ID alone."}, {name: "message", doc: "Instead: the ID of a message that is kept."}},
			answer: adminapi.Forgotten{}, errors: []int{400, 404, 410, 422, 503}, serve: (*adminAPI).forget},
		{method: "GET", path: adminapi.PathTail, id: "tail", summary: "Live outcomes as server-sent events: event request, attempt or circuit with an Event as data, and event lost with a Lost where the reader was too slow.",
			params:  []apiParam{paramEndpoint, {name: "forward", doc: "A forward's name; empty: the one without a name."}, {name: "outcome", doc: "Outcomes, with commas between."}},
			content: "text/event-stream", errors: []int{400, 404, 503}, serve: (*adminAPI).tail},
		{method: "GET", path: adminapi.PathOpenAPI, id: "openapi", summary: "This document.",
			content: "application/json", serve: (*adminAPI).openapi},
	}
}
