package caddymodule

import (
	"net/http"

	"github.com/hookwicket/hookwicket/adminapi"
)

// apiRoute is one operation of the admin API: both as it is served and as the
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
	paramID        = apiParam{name: "id", doc: "A message's ID.", path: true, required: true}
	paramEndpoint  = apiParam{name: "endpoint", doc: "An endpoint's name."}
	paramRefusedID = apiParam{name: "id", doc: "The ID of a refused request.", path: true, required: true}
	paramRefused   = []apiParam{
		paramEndpoint,
		{name: "reason", doc: "Why it was refused, such as wrong_signature."},
		{name: "client", doc: "The client's address, or a network such as 192.0.2.0/24."},
		{name: "since", doc: "Came then or later: a time as in RFC 3339, a day or a time of day of the gateway's zone such as yesterday or 14:00, or how long ago, such as 2h or 3d."},
		{name: "until", doc: "Received before: as since."},
		{name: "after", doc: "next of the page before."},
		{name: "limit", doc: "How many at the most. Default: 100.", kind: "integer", most: 1000},
	}
	paramFilter = []apiParam{
		paramEndpoint,
		{name: "forward", doc: "A forward's name; empty: the one without a name."},
		{name: "state", doc: "One or more of waiting, delivered, dead_letter, cancelled, unrouted, with commas between; or all."},
		{name: "type", doc: "An event type; * stands for any text, as in payment.*"},
		{name: "event_id", doc: "An event ID."},
		{name: "since", doc: "Received then or later: a time as in RFC 3339, a day or a time of day of the gateway's zone such as yesterday or 14:00, or how long ago, such as 2h or 3d."},
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
		{method: "GET", path: adminapi.PathHealth, id: "health", summary: "Whether this gateway can accept webhooks now. The status is 200 either way: for 503 as well, write the handler webhook_gateway_health into a site.",
			answer: adminapi.Health{}, serve: (*adminAPI).health},
		{method: "GET", path: adminapi.PathEndpoints, id: "endpoints", summary: "All endpoints with their forwards, counters and health, those included that are only in the store.",
			answer: adminapi.Endpoints{}, errors: []int{503}, serve: (*adminAPI).endpoints},
		{method: "GET", path: adminapi.PathEndpoints + "/{endpoint}", id: "endpoint", summary: "One endpoint.",
			params: []apiParam{{name: "endpoint", doc: "An endpoint's name.", path: true, required: true}},
			answer: adminapi.Endpoint{}, errors: []int{404, 503}, serve: (*adminAPI).endpoint},
		{method: "POST", path: adminapi.PathEndpoints + "/{endpoint}/test", id: "testEvent", summary: "Make an event as the provider would, sign it with the endpoint's secret, and take it the way of every event: verification, deduplication, store, forwards. It counts as any other and has the header Webhook-Gateway-Test. The answer has the outcome; the request stays in the process. 422: the endpoint keeps no events, or only the provider can sign.",
			params: []apiParam{{name: "endpoint", doc: "An endpoint's name.", path: true, required: true}},
			body:   adminapi.TestAsk{}, answer: adminapi.Tested{}, errors: []int{400, 404, 422, 503}, serve: (*adminAPI).testEvent},
		{method: "POST", path: adminapi.PathPause, id: "pause", summary: "Keep deliveries waiting until they are resumed; attempts under way end. It outlasts restarts.",
			body: adminapi.Target{}, answer: adminapi.Paused{}, errors: []int{400, 404, 503}, serve: (*adminAPI).pause},
		{method: "POST", path: adminapi.PathResume, id: "resume", summary: "Undo pause.",
			body: adminapi.Target{}, answer: adminapi.Paused{}, errors: []int{400, 404, 503}, serve: (*adminAPI).resume},
		{method: "POST", path: adminapi.PathProbe, id: "probe", summary: "Attempt one waiting delivery of each open circuit at once instead of at next_probe. If none is due, the one that is due first becomes due, and the counting of its attempts begins anew. Without an endpoint: of all endpoints.",
			body: adminapi.Target{}, answer: adminapi.Probed{}, errors: []int{400, 404, 503}, serve: (*adminAPI).probe},
		{method: "GET", path: adminapi.PathMessages, id: "messages", summary: "Messages by their receipt, the newest first, each with its deliveries. With a state: those with a delivery in it.",
			params: paramFilter, answer: adminapi.Messages{}, errors: []int{400, 404, 503}, serve: (*adminAPI).messages},
		{method: "GET", path: adminapi.PathDeliveries, id: "deliveries", summary: "Deliveries. Of one state they come in its order: waiting ones by the time they are due, dead letters by their receipt with the newest first, others by their end with the latest first. Else they come by receipt, the newest first.",
			params: paramFilter, answer: adminapi.Deliveries{}, errors: []int{400, 404, 503}, serve: (*adminAPI).deliveries},
		{method: "GET", path: adminapi.PathMessages + "/{id}", id: "message", summary: "One message with its request, its deliveries, their attempts and the answers. Secrets are redacted.",
			params: []apiParam{paramID, {name: "limit", doc: "Bytes of the body to show. Default: 65536.", kind: "integer", most: maxShownBody}},
			answer: adminapi.Message{}, errors: []int{400, 404, 410, 503}, serve: (*adminAPI).message},
		{method: "GET", path: adminapi.PathMessages + "/{id}/body", id: "body", summary: "The body of a message, byte for byte but for redacted values.",
			params: []apiParam{paramID}, content: "application/octet-stream", errors: []int{400, 404, 410, 422, 503}, serve: (*adminAPI).body},
		{method: "GET", path: adminapi.PathMessages + "/{id}/raw", id: "rawMessage", summary: "The request of one message as listen has it: as received, but for the values that the configuration redacts.",
			params: []apiParam{paramID}, answer: adminapi.Heard{}, errors: []int{400, 404, 410, 422, 503}, serve: (*adminAPI).raw},
		{method: "POST", path: adminapi.PathMessages + "/{id}/redeliver", id: "redeliverMessage", summary: "Deliver one message once more, at once and whatever its state. The counting of its attempts begins anew.",
			params: []apiParam{paramID}, body: adminapi.Redeliver{}, answer: adminapi.Redelivered{}, errors: []int{400, 404, 409, 410, 422, 503}, serve: (*adminAPI).redeliverMessage},
		bulk("redeliver", "Deliver the selected deliveries once more; the filter has to name a state. With forward: send the selected messages there.", (*adminAPI).redeliver),
		bulk("cancel", "End waiting deliveries. They are kept for the retention and can be redelivered.", (*adminAPI).cancel),
		bulk("bury", "Make waiting deliveries dead letters.", (*adminAPI).bury),
		bulk("purge", "Remove deliveries, and messages with their last one. The filter has to name a state. It cannot be undone.", (*adminAPI).purge),
		bulk("count", "Count the selection of a filter, and change nothing.", (*adminAPI).count),
		{method: "DELETE", path: adminapi.PathKeys, id: "forget", summary: "Forget a dedupe key, so that its event is accepted once more when it arrives again.",
			params: []apiParam{paramEndpoint, {name: "event_id", doc: "The event's ID; with endpoint, and where the key depends on the ID alone."}, {name: "message", doc: "Instead: the ID of a message that is kept."}},
			answer: adminapi.Forgotten{}, errors: []int{400, 404, 410, 422, 503}, serve: (*adminAPI).forget},
		{method: "GET", path: adminapi.PathTail, id: "tail", summary: "Live outcomes as server-sent events: event request, attempt or circuit with an Event as data, event lost with a Lost where the reader was too slow, and event gap with a Gap where events before may be missing. Each outcome has an id. A reader that was cut off resumes with it in the header Last-Event-ID, or as after, for 5 minutes.",
			params: []apiParam{paramEndpoint, {name: "forward", doc: "A forward's name; empty: the one without a name."}, {name: "outcome", doc: "Outcomes, with commas between."}, {name: "after", doc: "Resume behind the outcome of this id."},
				{name: "all", doc: "true: the outcomes of all gateways that share the store, each with its node. Those of the others have no id, and some can be missing: they are told through the database, a few hundred a second at most."}},
			content: "text/event-stream", errors: []int{400, 404, 503}, serve: (*adminAPI).tail},
		{method: "GET", path: adminapi.PathListen, id: "listen", summary: "Messages as server-sent events in the order of their receipt, first those that are kept and then those that arrive: event message with a Heard as data and the message's ID as id, and event gap with a Gap where events may be missing. Requests are as received, but for the values that the configuration redacts. The header Last-Event-ID is as after. Nothing counts as delivered.",
			params: []apiParam{
				{name: "endpoint", doc: "Endpoints' names, with commas between. Default: all that keep events."},
				{name: "type", doc: "An event type; * stands for any text, as in payment.*"},
				{name: "when", doc: "An expression as in the line when of a forward, such as {json.livemode} == false. An event for which it fails is selected."},
				{name: "since", doc: "Begin with messages received then or later: a time as in RFC 3339, or how long ago, such as 10m."},
				{name: "after", doc: "Begin behind the message of this ID. It takes precedence over since and last."},
				{name: "last", doc: "Begin with so many of the messages that are kept.", kind: "integer", most: maxLast},
			},
			content: "text/event-stream", errors: []int{400, 404, 422, 503}, serve: (*adminAPI).listen},
		{method: "GET", path: adminapi.PathAbout, id: "listenAbout", summary: "The gateway's time and the endpoints that can be listened to.",
			answer: adminapi.ListenAbout{}, errors: []int{503}, serve: (*adminAPI).about},
		{method: "GET", path: adminapi.PathRefused, id: "refused", summary: "Refused requests that are kept, the newest first.",
			params: paramRefused, answer: adminapi.RefusedList{}, errors: []int{400, 404, 503}, serve: (*adminAPI).refusedList},
		{method: "DELETE", path: adminapi.PathRefused, id: "clearRefused", summary: "Remove all refused requests that are kept.",
			answer: adminapi.Cleared{}, errors: []int{503}, serve: (*adminAPI).clearRefused},
		{method: "GET", path: adminapi.PathRefused + "/{id}", id: "refusedRequest", summary: "One refused request, with the likely causes and what the configuration of now says of it. The secrets of all endpoints are redacted.",
			params: []apiParam{paramRefusedID, {name: "limit", doc: "Bytes of the body to show. Default: 65536.", kind: "integer", most: maxShownBody}},
			answer: adminapi.RefusedRequest{}, errors: []int{400, 404, 503}, serve: (*adminAPI).refusedRequest},
		{method: "GET", path: adminapi.PathRefused + "/{id}/wire", id: "refusedWire", summary: "One refused request as HTTP/1.1, byte for byte but for redacted values.",
			params: []apiParam{paramRefusedID}, content: "application/octet-stream", errors: []int{400, 404, 422, 503}, serve: (*adminAPI).refusedWire},
		{method: "POST", path: adminapi.PathRefused + "/{id}/accept", id: "acceptRefused", summary: "Judge a refused request again, with the secrets of now and as of its receipt. If it is verified, it is accepted like any event.",
			params: []apiParam{paramRefusedID}, answer: adminapi.AcceptedAgain{}, errors: []int{400, 404, 422, 503}, serve: (*adminAPI).acceptRefused},
		{method: "POST", path: adminapi.PathRefused + "/accept", id: "acceptRefusedMany", summary: "The same for all that a filter selects, the oldest first. Those that are still refused stay as they are.",
			body: adminapi.RefusedBulk{}, answer: adminapi.Done{}, errors: []int{400, 404, 503}, serve: (*adminAPI).acceptRefusedMany},
		{method: "GET", path: adminapi.PathOpenAPI, id: "openapi", summary: "This document.",
			content: "application/json", serve: (*adminAPI).openapi},
	}
}
