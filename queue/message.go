package queue

import (
	"net/http"
	"time"

	"github.com/google/uuid"
)

// ID identifies a message. It is a UUID of version 7, so IDs sort by the time
// of receipt.
type ID = uuid.UUID

// Message is one accepted event as received: what it takes to run the request
// again, and what the verifier learnt about it.
type Message struct {
	ID         ID
	ReceivedAt time.Time

	Endpoint  string
	Provider  string
	EventID   string // empty where the provider gives none
	EventType string
	Timestamp time.Time // what the sender gave; zero: none

	Method       string
	URI          string // path and query as the gateway's routes saw them
	Host         string
	Proto        string // HTTP/1.1
	RemoteAddr   string // of the connection, host:port
	ClientIP     string // behind trusted proxies
	TLS          bool
	TrustedProxy bool
	Header       http.Header
	Body         []byte
}

// NewID returns a fresh ID for a message received at the given time.
func NewID(received time.Time) ID {
	panic("todo")
}
