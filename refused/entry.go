package refused

import (
	"crypto/sha256"
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// Entry is one refused request. Message has its ID, the time of its receipt, the
// endpoint, the request line, the headers and the body.
type Entry struct {
	Message  queue.Message
	Original string // path and query before rewrites; empty: as in Message
	Reason   string // one of [verifiers.Reasons], or [ReasonHandshake]
	Detail   string
	Status   int  // of the answer; 0: the request was let through
	Observed bool // the endpoint observed, so the request was let through
	Client   netip.Addr
	Known    bool // the client had sent a genuine request before

	Size   int64             // bytes of the whole body; -1: unknown
	Digest [sha256.Size]byte // of the whole body, if it is cut; zero: the body was not read to its end
	Cut    Cut

	// Set by the ring.
	Times    int       // how often the request came
	Last     time.Time // when it last came
	Accepted queue.ID  // the message that it became; zero: none

	body  uint64 // a hash of the whole body
	bytes int64
	rank  int // standing, until it is accepted
}

// Cut says which parts of a request are not kept. Such a request cannot be judged again.
type Cut byte

// The parts that are too long to be kept.
const (
	CutBody Cut = 1 << iota
	CutHeader
)

// ReasonHandshake is the reason of a handshake that was denied.
const ReasonHandshake = "handshake_denied"

// MaxBody and MaxHeader are how many bytes of a body, and of URI and headers, are kept
// whole. MaxStart is how many bytes are kept of a longer body.
const (
	MaxBody   = 64 << 10
	MaxHeader = 64 << 10
	MaxStart  = 1 << 10
)

// overhead is the memory of an entry besides its texts, in bytes, and that of a header.
const (
	overhead       = 1024
	headerOverhead = 64
)

// seed keeps strangers from making bodies that have the same hash.
var seed = maphash.MakeSeed()

// Trim makes an entry fit for [Ring.Put]: it copies the body and drops the parts that
// are too long. Complete says whether the body was read to its end.
func (e *Entry) Trim(complete bool) {
	m := &e.Message
	body := m.Body
	e.body = maphash.Bytes(seed, body)
	if e.Size < 0 || int64(len(body)) > e.Size || complete {
		e.Size = int64(len(body))
	}
	if !complete || len(body) > MaxBody {
		e.Cut |= CutBody
		if complete {
			e.Digest = sha256.Sum256(body)
		}
		body = body[:min(len(body), MaxStart)]
	}
	m.Body = append(make([]byte, 0, len(body)), body...)
	if headerSize(m)+len(m.URI)+len(e.Original)+len(m.Host) > MaxHeader {
		e.Cut |= CutHeader
		m.Header = nil
		m.URI, e.Original, m.Host = start(m.URI), start(e.Original), start(m.Host)
	}
	e.Detail = start(e.Detail)
	e.settle()
}

// settle computes the fields that follow from the others.
func (e *Entry) settle() {
	e.bytes = e.size()
	e.rank = 2 * RankOf(e.Reason)
	if e.Known {
		e.rank++
	}
}

// start returns the first bytes of a text that is too long, as a copy.
func start(s string) string {
	if len(s) <= MaxStart {
		return s
	}
	return string(append([]byte(nil), s[:MaxStart]...))
}

func headerSize(m *queue.Message) (n int) {
	for name, values := range m.Header {
		n += len(name) + headerOverhead
		for _, v := range values {
			n += len(v) + headerOverhead/2
		}
	}
	return n
}

// size is how many bytes of memory an entry takes.
func (e *Entry) size() int64 {
	m := &e.Message
	n := overhead + headerSize(m) + cap(m.Body) + len(e.Original) + len(e.Detail) + len(e.Reason)
	for _, s := range []string{m.Endpoint, m.Provider, m.Method, m.URI, m.Host, m.Proto, m.RemoteAddr, m.ClientIP} {
		n += len(s)
	}
	return int64(n)
}

// The ranks of entries. An entry of a higher rank is more likely to be a sender's.
const (
	rankSettled   = iota // a person has accepted it
	rankUnsigned         // no signature, another method, too large
	rankMalformed        // a signature, a time or a body that cannot be read
	rankSigned           // a well-formed signature of this scheme
)

// RankOf returns the rank of a reason.
func RankOf(reason string) int {
	switch verifiers.Reason(reason) {
	case verifiers.WrongSignature, verifiers.StaleTimestamp, verifiers.FutureTimestamp, verifiers.WrongAudience, verifiers.ExpiredToken:
		return rankSigned
	case verifiers.MalformedSignature, verifiers.MalformedTimestamp, verifiers.MalformedBody, verifiers.MissingTimestamp, ReasonHandshake:
		return rankMalformed
	}
	return rankUnsigned
}

// standing orders entries: by rank, then those of clients that have sent genuine
// requests. The entry with the lowest standing is removed first.
func (e *Entry) standing() int {
	if e.Accepted != (queue.ID{}) {
		return rankSettled
	}
	return e.rank
}
