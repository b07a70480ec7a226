package queue

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// ID identifies a message. It is a UUID of version 7, so IDs sort by the time
// of receipt.
type ID = uuid.UUID

// Message is one accepted event as received: the request, and the facts that the
// verifier found in it.
type Message struct {
	ID         ID
	ReceivedAt time.Time

	Endpoint  string
	Provider  string
	EventID   string // empty: the provider gives none
	EventType string
	Timestamp time.Time // the sender's time of the event; zero: none
	Signed    string    // the parts under the signature, such as "id body"

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

// NewID returns a fresh ID for a message received at the given time. IDs made
// within one millisecond sort by the time too, as RFC 9562 section 6.2 allows
// (method 3: twelve more bits of the clock).
//
// The random part comes from the runtime's ChaCha8, which the system seeds: it
// costs no system call and no lock, and 62 bits of it beside the time make a
// collision a matter of the age of the universe.
func NewID(received time.Time) ID {
	milli := received.UnixMilli()
	sub := received.UnixNano() - milli*int64(time.Millisecond)
	var id ID
	binary.BigEndian.PutUint64(id[:], uint64(milli)<<16|0x7000|uint64(sub)<<12/uint64(time.Millisecond)&0xfff)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()&(1<<62-1)|1<<63)
	return id
}
