package adminapi

import (
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// ListenAbout is what a listener has to know before it begins.
type ListenAbout struct {
	Now       time.Time        `json:"now" doc:"The gateway's time."`
	By        string           `json:"by,omitempty" doc:"The name of the token's owner. Absent: none was needed."`
	Redacted  bool             `json:"redacted" doc:"Signatures, and whatever else is a credential, are hidden from this listener."`
	Endpoints []ListenEndpoint `json:"endpoints" doc:"Those that keep events."`
}

// ListenEndpoint is an endpoint that can be listened to.
type ListenEndpoint struct {
	Name     string `json:"name"`
	Provider string `json:"provider,omitempty" doc:"Absent: the configuration does not have the endpoint any more."`
}

// Heard is the data of the event message of listen.
type Heard struct {
	Message  HeardMessage `json:"message"`
	Request  RawRequest   `json:"request"`
	Redacted bool         `json:"redacted" doc:"The configuration redacts a header or a part of the body, or the token does not see credentials, so the request's signature may no longer fit."`
}

// HeardMessage describes the message that a listener has got.
type HeardMessage struct {
	ID         queue.ID  `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
	Endpoint   string    `json:"endpoint"`
	Provider   string    `json:"provider"`
	EventID    string    `json:"event_id,omitempty"`
	EventType  string    `json:"event_type,omitempty"`
}

// RawRequest is a request as it was received.
type RawRequest struct {
	Method string              `json:"method"`
	URI    string              `json:"uri" doc:"Path and query."`
	Host   string              `json:"host"`
	Header map[string][]string `json:"headers"`
	Body   []byte              `json:"body" doc:"Byte for byte."`
}

// Gap is the data of the event gap: messages that a listener does not get, or outcomes
// that a reader of the live stream does not get.
type Gap struct {
	From  time.Time `json:"from,omitzero" doc:"Events received from then on may be missing."`
	Until time.Time `json:"until,omitzero" doc:"Events received before may be missing."`
	ID    string    `json:"id,omitempty" doc:"Of the one message that is missing."`
	Why   string    `json:"why"`
}
