package caddymodule

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// headerPrefix begins the names of the headers in which the upstream gets the facts. A
// client's own headers of these names are removed.
const headerPrefix = "Webhook-Gateway-"

// helloHeader asks an endpoint to identify itself: the answer then has the header too.
// The answer says nothing else, because a stranger can ask as well.
const helloHeader = headerPrefix + "Hello"

const placeholderPrefix = "http.webhook_gateway."

// removeSpoofed deletes the headers that only the gateway may set.
func removeSpoofed(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, headerPrefix) {
			delete(h, name)
		}
	}
}

// facts describe an event to handlers and upstreams. The steps of a [request] fill them in.
type facts struct {
	endpoint, provider string
	forward            string // empty: it has no name, or there is none
	receivedAt         time.Time
	client             string // the address that the request came from
	network            netip.Addr

	eventID, eventType string
	signed             string // the fields that the signature covers; empty: it is not verified
	attemptID          string // the sender's ID of its attempt
	reason             string // why it is refused, or would be; empty: it is not
	messageID          string // empty: there is no message
	refusedID          string // of the kept copy of a refused request; empty: there is none
	attempt            int    // 1: the first; 0: none was made yet
	body               []byte // for placeholders; nil until the event is identified
	exact              bool   // placeholders need not fit into headers

	exchange exchange // for the transport
	last     *lately  // the endpoint's outcomes
}

// maxHeaders is how many headers the facts can have.
const maxHeaders = 10

// headers sets the request headers for the upstream.
func (f *facts) headers(h http.Header) {
	all := [maxHeaders]struct{ name, value string }{
		{headerPrefix + "Endpoint", f.endpoint},
		{headerPrefix + "Provider", f.provider},
		{headerPrefix + "Event-Id", headerValue(f.eventID)},
		{headerPrefix + "Event-Type", headerValue(f.eventType)},
		{headerPrefix + "Signed", f.signed},
		{headerPrefix + "Message-Id", f.messageID},
		{headerPrefix + "Attempt", strconv.Itoa(f.attempt)},
		{headerPrefix + "Forward", f.forward},
		{headerPrefix + "Reason", f.reason},
		{headerPrefix + "Received-At", f.receivedAt.UTC().Format(time.RFC3339Nano)},
	}
	values := make([]string, len(all)) // one allocation for all of them
	for i, header := range all {
		if header.value != "" {
			values[i] = header.value
			h[header.name] = values[i : i+1 : i+1]
		}
	}
}

// placeholders adds the placeholders {http.webhook_gateway.…}. Each is read when it is
// used, so it has facts that are set later. Values of the event are made fit for a
// header, where most placeholders go.
func (f *facts) placeholders(repl *caddy.Replacer) {
	repl.Map(func(key string) (any, bool) {
		name, ours := strings.CutPrefix(key, placeholderPrefix)
		if !ours {
			return nil, false
		}
		switch name {
		case "endpoint":
			return f.endpoint, true
		case "provider":
			return f.provider, true
		case "event_id":
			return headerValue(f.eventID), true
		case "event_type":
			return headerValue(f.eventType), true
		case "signed":
			return f.signed, true
		case "message_id":
			return f.messageID, true
		case "attempt":
			return f.attempt, true
		case "reason":
			return f.reason, true
		case "forward":
			return f.forward, true
		}
		if path, ok := strings.CutPrefix(name, "json."); ok {
			return f.json(path), true
		}
		return nil, false
	})
}

// json returns a value of the event's body, with a type that expressions can compare:
// text, number, bool, or the text of an object or a list. An absent value and null are
// nil. Text is made fit for a header, unless an expression compares it.
func (f *facts) json(path string) any {
	v := valueAt(f.body, path)
	switch v.Type {
	case gjson.Null:
		return nil
	case gjson.True, gjson.False:
		return v.Bool()
	case gjson.Number:
		if n, err := strconv.ParseInt(v.Raw, 10, 64); err == nil {
			return n
		}
		return v.Num
	}
	if f.exact {
		return v.String()
	}
	return headerValue(v.String())
}

// valueAt looks up a JSON path. Some of gjson's modifiers recurse, so a body of brackets
// would end the process. With a modifier in the path, a body that is broken or nested
// too deep for [verifiers.ValidJSON] has no values.
func valueAt(body []byte, path string) gjson.Result {
	if strings.Contains(path, "@") && !verifiers.ValidJSON(body) {
		return gjson.Result{}
	}
	return gjson.GetBytes(body, path)
}

// signedWords names the fields that the signature covers. All combinations are made
// once.
func signedWords(f verifiers.Fields) string {
	i := 0
	for bit, set := range []bool{f.ID, f.Type, f.Timestamp, f.Body, f.URL} {
		if set {
			i |= 1 << bit
		}
	}
	return allSigned[i]
}

var allSigned = func() (all [32]string) {
	for i := range all {
		var words []string
		for bit, word := range []string{"id", "type", "timestamp", "body", "url"} {
			if i&(1<<bit) != 0 {
				words = append(words, word)
			}
		}
		all[i] = strings.Join(words, " ")
	}
	return all
}()

// maxHeaderValue limits the bytes of an event's value in a header.
const maxHeaderValue = 1024

// headerValue makes any text fit for a header, because an attempt with an invalid header
// would fail for ever. It cuts the text at the limit and writes control bytes and
// non-ASCII bytes as %XX.
func headerValue(s string) string {
	if len(s) > maxHeaderValue {
		s = s[:maxHeaderValue]
	}
	bad := func(c byte) bool { return c < ' ' || c >= 0x7f }
	clean := true
	for i := range len(s) {
		clean = clean && !bad(s[i])
	}
	if clean {
		return strings.TrimSpace(s)
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; bad(c) {
			const hex = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return strings.TrimSpace(b.String())
}

// factsOf restores the facts of a stored message for an attempt.
func factsOf(d *queue.Delivery) *facts {
	m := d.Message
	return &facts{
		endpoint: m.Endpoint, provider: m.Provider,
		eventID: m.EventID, eventType: m.EventType, signed: m.Signed,
		reason:    m.Header.Get(headerPrefix + "Reason"), // no sender's: those are removed
		messageID: m.ID.String(), attempt: d.Attempts + 1, receivedAt: m.ReceivedAt,
		forward: d.Destination.Forward, body: m.Body,
	}
}
