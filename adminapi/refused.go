package adminapi

import (
	"net/url"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// RefusedFilter selects refused requests. Members that are absent select all.
type RefusedFilter struct {
	Endpoint string `json:"endpoint,omitempty"`
	Reason   string `json:"reason,omitempty" doc:"Why it was refused, such as wrong_signature."`
	Client   string `json:"client,omitempty" doc:"The client's address, or a network such as 192.0.2.0/24."`
	Since    string `json:"since,omitempty" doc:"Came then or later: a time as in RFC 3339, or how long ago, such as 2h or 3d."`
	Until    string `json:"until,omitempty" doc:"Received before: as since."`
}

// RefusedFilterFromQuery reads a filter from the query of a URL. It checks nothing.
func RefusedFilterFromQuery(q url.Values) RefusedFilter {
	return RefusedFilter{
		Endpoint: q.Get("endpoint"), Reason: q.Get("reason"), Client: q.Get("client"), Since: q.Get("since"), Until: q.Get("until"),
	}
}

// Query is the filter in a URL.
func (f RefusedFilter) Query() url.Values {
	q := make(url.Values)
	for name, value := range map[string]string{
		"endpoint": f.Endpoint, "reason": f.Reason, "client": f.Client, "since": f.Since, "until": f.Until,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// RefusedEntry is a refused request in a list.
type RefusedEntry struct {
	ID          queue.ID   `json:"id" doc:"As in the header Webhook-Gateway-Refused of the answer."`
	ReceivedAt  time.Time  `json:"received_at" doc:"When it first came."`
	LastAt      time.Time  `json:"last_at" doc:"When it last came."`
	Times       int        `json:"times" doc:"How often it came: a repetition has the same endpoint, reason, client, target and body."`
	Endpoint    string     `json:"endpoint"`
	Provider    string     `json:"provider"`
	Reason      string     `json:"reason" doc:"As in the metric requests_total; or handshake_denied."`
	Detail      string     `json:"detail,omitempty"`
	Status      int        `json:"status,omitempty" doc:"Of the answer. Absent where it was let through."`
	Observed    bool       `json:"observed" doc:"The endpoint observed, so the request was let through."`
	Method      string     `json:"method"`
	URI         string     `json:"uri"`
	ClientIP    string     `json:"client_ip"`
	Size        int64      `json:"size" doc:"Bytes of the body; -1: unknown."`
	JudgedAgain *Judgement `json:"judged_again,omitempty" doc:"What the configuration of now says of it. In lists it is absent where keys may have to be fetched."`
	MessageID   string     `json:"message_id,omitempty" doc:"The message that it became, where a person has accepted it after all."`
}

// Judgement is what the configuration of now says of a refused request, as of the time
// of its receipt.
type Judgement struct {
	Verified   bool   `json:"verified" doc:"It would be accepted."`
	Reason     string `json:"reason,omitempty" doc:"Why it is still refused."`
	Detail     string `json:"detail,omitempty"`
	Impossible string `json:"impossible,omitempty" doc:"Why it cannot be judged again."`
}

// RefusedList is a page of refused requests.
type RefusedList struct {
	Refused []RefusedEntry `json:"refused"`
	Next    string         `json:"next,omitempty" doc:"Give it as after to get the next page. Absent: the list is over."`
	Note    string         `json:"note,omitempty" doc:"Said where nothing matches."`
}

// RefusedRequest is all that is kept of one refused request.
type RefusedRequest struct {
	RefusedEntry
	EventID   string   `json:"event_id,omitempty" doc:"As the request says. It need not be genuine; nor need event_type."`
	EventType string   `json:"event_type,omitempty"`
	Request   *Request `json:"request"`
	Digest    string   `json:"body_sha256,omitempty" doc:"Of the whole body, in hex, where only its beginning is kept."`
	Causes    []string `json:"causes" doc:"Likely causes with the configuration of now, the likeliest first. Empty where it is verified now, or cannot be judged."`
	Steps     []Step   `json:"steps" doc:"The steps of the check with the configuration of now."`
}

// Step is a step of the check of a request.
type Step struct {
	Name  string `json:"name"`
	State string `json:"state" enum:"ok,failed,unchecked"`
	Text  string `json:"text"`
}

// AcceptedAgain is the outcome of accepting a refused request after all.
type AcceptedAgain struct {
	ID        queue.ID `json:"id"`
	Outcome   string   `json:"outcome" enum:"accepted,duplicate,replayed" doc:"duplicate and replayed: the event is known, and was dropped."`
	MessageID string   `json:"message_id,omitempty" doc:"Of the accepted event."`
}

// RefusedBulk asks to accept one chunk of refused requests, the oldest first.
type RefusedBulk struct {
	Filter RefusedFilter `json:"filter"`
	After  string        `json:"after,omitempty" doc:"next of the call before."`
	Limit  int           `json:"limit,omitempty" doc:"How many are dealt with in this call: 1 to 1000. Default: the most."`
}

// Cleared says how many refused requests were removed.
type Cleared struct {
	Cleared int `json:"cleared"`
}
