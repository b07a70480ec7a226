// Package adminapi holds the types and paths of the gateway's admin API, the syntax
// of its filters, and a [Client]. Both the server and the commands use it. It does
// not depend on Caddy.
//
// The OpenAPI document is made of the structs in this file: a member without
// omitempty or omitzero is always there, the tag doc describes it, and enum lists
// its values.
package adminapi

import (
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// Status is the answer of status: the store, the limits and the totals.
type Status struct {
	Now       time.Time `json:"now" doc:"The gateway's clock."`
	Since     time.Time `json:"since" doc:"When the counters began, at the start of the process."`
	Store     Store     `json:"store"`
	Limits    Limits    `json:"limits"`
	Totals    Totals    `json:"totals"`
	Listeners int       `json:"listeners" doc:"Readers of tail and listen, Caddy's events app included where somebody subscribes to it."`
}

// Health is the answer of health, and of the handler webhook_gateway_health.
type Health struct {
	Ready  bool   `json:"ready" doc:"It can accept webhooks."`
	Reason string `json:"reason,omitempty" doc:"Why it is not ready: shutting_down, starting, no_endpoint, disk_full, lease_expired or store_unavailable."`
}

// Store is the state of the open store.
type Store struct {
	Location      string `json:"location" doc:"The open store, such as pebble:/var/lib/caddy/webhook_gateway. Empty on a page of some endpoints, whose answer has what is theirs alone; the rest is absent or 0."`
	Available     bool   `json:"available" doc:"False while the disk is full or faulty, or files of the store are damaged; senders get 503 then."`
	Cause         string `json:"cause,omitempty" doc:"Why the store is not available, and the next step, if known."`
	DiskFull      bool   `json:"disk_full" doc:"The disk or its quota is full; senders get 503, deliveries go on as far as they can."`
	DiskFree      *int64 `json:"disk_free_bytes,omitempty" doc:"Bytes free on the store's disk, without its reserve. Absent while unknown, as under a quota."`
	DiskNeeded    int64  `json:"disk_needed_bytes" doc:"While disk_full: the free bytes at which events are accepted again. Otherwise 0."`
	BacklogBytes  int64  `json:"backlog_bytes" doc:"Bytes of waiting messages and dead letters."`
	BacklogLimit  int64  `json:"backlog_limit_bytes" doc:"max_backlog; 0: no limit."`
	RetainedBytes *int64 `json:"retained_bytes,omitempty" doc:"Bytes of ended events that are kept. Absent while it is being counted."`
	DedupeKeys    *int64 `json:"dedupe_keys,omitempty" doc:"Dedupe keys remembered, approximately. Absent while unknown."`
	Damaged       int64  `json:"damaged" doc:"Records set aside because they cannot be read."`

	Cluster *Cluster `json:"cluster,omitempty" doc:"Of a store that several gateways share."`
}

// Cluster is the gateways that share a store, and their database, as the answering gateway
// sees them. The database is asked every few seconds, not for this.
type Cluster struct {
	Server         string    `json:"server,omitempty" doc:"Address and version of the database server in use."`
	Format         int       `json:"format" doc:"Of the tables."`
	Copies         *int64    `json:"copies,omitempty" doc:"Disks that have an event when it is accepted, by the settings of the database: its own, and those of the standbys that it waits for. Absent: unknown."`
	Durability     int64     `json:"durability" doc:"Copies that the configuration asks for; 0: any number."`
	Standbys       []Standby `json:"standbys" doc:"Connected to the database."`
	StandbysHidden bool      `json:"standbys_hidden" doc:"The role may see neither standbys nor open transactions: grant it pg_monitor."`
	Commit         *float64  `json:"commit_seconds,omitempty" doc:"How long a commit of accepted events takes, lately. Absent: there was none."`
	ClockSkew      float64   `json:"clock_skew_seconds" doc:"This gateway's clock minus the database's."`
	Lease          float64   `json:"lease_seconds"`
	LeaseAge       *float64  `json:"lease_age_seconds,omitempty" doc:"Since this gateway last renewed its lease. Absent: it never did."`
	Connections    int64     `json:"connections" doc:"Of this gateway to the database."`
	MaxConnections int64     `json:"max_connections" doc:"pool."`
	DeadRows       *int64    `json:"dead_rows,omitempty" doc:"Rows that vacuum has not removed yet. Absent: unknown."`
	Snapshot       *float64  `json:"oldest_snapshot_seconds,omitempty" doc:"Age of the oldest open transaction in the database. Absent: unknown."`
	Nodes          []Node    `json:"nodes" doc:"By name. A silent one is listed for some minutes."`
	Warnings       []string  `json:"warnings" doc:"What a person has to mend, for people."`
}

// Standby is a server to which the database replicates.
type Standby struct {
	Name string `json:"name" doc:"Its application_name."`
	Sync string `json:"sync" doc:"As sync_state in pg_stat_replication. Commits wait for sync and quorum."`
}

// Node is a gateway of a cluster.
type Node struct {
	Name      string    `json:"name"`
	Version   string    `json:"version,omitempty"`
	This      bool      `json:"this" doc:"It is the answering one."`
	Silent    bool      `json:"silent" doc:"It did not renew its lease in time: others take its forwards over."`
	Seen      time.Time `json:"seen" doc:"When it last renewed its lease."`
	Forwards  int       `json:"forwards" doc:"That it owns."`
	ClockSkew float64   `json:"clock_skew_seconds" doc:"Its clock minus the database's."`
}

// Limits is how full the limits in memory are.
type Limits struct {
	InFlightBytes int64 `json:"in_flight_bytes" doc:"Bytes of requests in memory: bodies, headers and copies."`
	InFlightLimit int64 `json:"in_flight_limit_bytes" doc:"max_in_flight."`
	WaitingTwins  int64 `json:"waiting_twins" doc:"Requests that wait for the outcome of an identical one."`

	RefusedEntries int   `json:"refused_entries" doc:"Refused requests that are kept."`
	RefusedBytes   int64 `json:"refused_bytes" doc:"Bytes of memory that they take."`
	RefusedLimit   int64 `json:"refused_limit_bytes" doc:"The limit on refused_bytes; 0: refused requests are not kept."`
}

// Totals is the sums over all endpoints.
type Totals struct {
	Endpoints   int   `json:"endpoints"`
	Forwards    int   `json:"forwards"`
	Waiting     int64 `json:"waiting" doc:"Deliveries due now or later, claimed ones included."`
	Claimed     int64 `json:"claimed" doc:"Deliveries being attempted."`
	DeadLetters int64 `json:"dead_letters"`
	Paused      int   `json:"paused" doc:"Forwards that a person has paused."`
	Open        int   `json:"circuits_open" doc:"Forwards whose circuit is open or half-open."`
	Orphaned    int   `json:"orphaned" doc:"Destinations with deliveries that no endpoint of the configuration has."`

	AcceptedLately  int64 `json:"accepted_last_hour"`
	RefusedLately   int64 `json:"refused_last_hour" doc:"Those that would be, in observe mode, included."`
	DeliveredLately int64 `json:"delivered_last_hour"`
	FailedLately    int64 `json:"failed_last_hour" doc:"Attempts that failed."`
}

// Endpoints is the answer of endpoints.
type Endpoints struct {
	Endpoints []Endpoint `json:"endpoints"`
}

// Endpoint is one endpoint with its counters and forwards.
type Endpoint struct {
	Name        string    `json:"name"`
	Provider    string    `json:"provider,omitempty"`
	Kind        string    `json:"kind" enum:"forward,keep,pass,orphaned" doc:"forward: answers first and delivers later. keep: answers, keeps the events and delivers none. pass: the next handler answers. orphaned: not in the configuration, but there are deliveries of it in the store."`
	Mode        string    `json:"mode,omitempty" enum:"enforce,observe"`
	MaxBacklog  int64     `json:"max_backlog_bytes,omitempty"`
	MaxInFlight int64     `json:"max_in_flight_bytes,omitempty"`
	Bytes       int64     `json:"backlog_bytes" doc:"Bytes of waiting messages and dead letters."`
	Waiting     int64     `json:"waiting"`
	Claimed     int64     `json:"claimed"`
	DeadLetters int64     `json:"dead_letters"`
	Oldest      time.Time `json:"oldest,omitzero" doc:"When the oldest message that waits was received."`
	Retention   *float64  `json:"retention_seconds,omitempty" doc:"How long ended events are kept; 0: not at all."`
	Unrouted    int64     `json:"unrouted" doc:"Events since the start of the process that matched no forward."`
	Learnt      *int      `json:"learnt_secrets,omitempty" doc:"How many secrets the provider has handed over and the gateway keeps. Absent where the provider hands none over."`
	Requests    Requests  `json:"requests"`
	Forwards    []Forward `json:"forwards"`

	Recent  RecentRequests `json:"recent"`
	Latency *Latency       `json:"latency,omitempty" doc:"Of requests with an event, accepted or dropped: from the request to the moment when its event was durable, or was passed on. Absent: none in the last hour."`

	Settings []Setting `json:"settings,omitempty" doc:"The lines in force, defaults included. Absent in lists. A secret is shown by its length."`
}

// RecentRequests is an endpoint's requests in the last hour: 59 whole minutes and the
// current one.
type RecentRequests struct {
	Accepted         int64   `json:"accepted" doc:"In the last hour; so are the others. They begin with the process and outlast reloads."`
	Dropped          int64   `json:"dropped" doc:"Duplicates and replays."`
	Refused          int64   `json:"refused" doc:"Refused ones. In observe mode: those that enforcing would refuse or drop."`
	AcceptedByMinute []int64 `json:"accepted_by_minute,omitempty" doc:"60 numbers, the oldest minute first; the last is the current one. Absent: all are 0."`
	RefusedByMinute  []int64 `json:"refused_by_minute,omitempty" doc:"As accepted_by_minute."`
}

// RecentAttempts is a forward's attempts in the last hour, as [RecentRequests].
type RecentAttempts struct {
	Delivered         int64   `json:"delivered" doc:"In the last hour; so are the others. They begin with the process and outlast reloads."`
	Failed            int64   `json:"failed" doc:"Attempts that failed, whether they are repeated or not. Attempts that the gateway cut off are in neither."`
	DeliveredByMinute []int64 `json:"delivered_by_minute,omitempty" doc:"60 numbers, the oldest minute first; the last is the current one. Absent: all are 0."`
	FailedByMinute    []int64 `json:"failed_by_minute,omitempty" doc:"As delivered_by_minute."`
}

// Latency is the durations in the last hour: 55 to 60 minutes.
type Latency struct {
	Count int64   `json:"count" doc:"How many were measured."`
	P50   float64 `json:"p50_seconds" doc:"Half took at most this long. It is interpolated between bounds that grow by the square root of 2, from 125 µs to 17 minutes; longer ones count as that."`
	P95   float64 `json:"p95_seconds" doc:"95 % took at most this long."`
}

// Setting is a line of the configuration as it is in force.
type Setting struct {
	Name  string `json:"name" doc:"As in the Caddyfile."`
	Value string `json:"value" doc:"For people; its form may change."`
}

// TestAsk says what a test event is like.
type TestAsk struct {
	Type string `json:"type,omitempty" doc:"The event's type. Absent: that of the provider's sample event."`
	ID   string `json:"id,omitempty" doc:"The event's ID. Absent: a fresh one."`
}

// Tested is the outcome of a test event.
type Tested struct {
	Outcome      string   `json:"outcome" doc:"As in the metric requests_total: accepted, duplicate, replayed or refused."`
	Reason       string   `json:"reason,omitempty" doc:"Why it was refused."`
	Detail       string   `json:"detail,omitempty"`
	MessageID    string   `json:"message_id,omitempty" doc:"Of the message that it became."`
	EventID      string   `json:"event_id,omitempty"`
	EventType    string   `json:"event_type,omitempty"`
	Destinations []string `json:"destinations,omitempty" doc:"Where it goes. Absent where it matches no forward, or the endpoint only keeps events."`
}

// Requests is the counters of an endpoint's requests.
type Requests struct {
	Outcomes      map[string]int64 `json:"outcomes" doc:"Requests since the start of the process, by outcome, as in the metric requests_total."`
	Refused       map[string]int64 `json:"refused" doc:"Refused ones by reason."`
	Observed      map[string]int64 `json:"observed" doc:"In observe mode: the outcomes that enforcing would have."`
	RefusedLately map[string]int64 `json:"refused_last_hour" doc:"By reason, requests in the last hour that were refused or would be, and denied handshakes. Empty where refused requests are not kept."`
	LastAccepted  time.Time        `json:"last_accepted,omitzero"`
	LastRefused   time.Time        `json:"last_refused,omitzero"`
}

// Forward is one forward of an endpoint, or of the store alone.
type Forward struct {
	Name        string           `json:"name" doc:"Empty: the forward without a name."`
	Destination string           `json:"destination" doc:"The endpoint, and behind a slash the forward's name if it has one."`
	Owner       string           `json:"owner,omitempty" doc:"The gateway that delivers, where several share the store. Absent: none does at the moment."`
	Elsewhere   bool             `json:"elsewhere" doc:"Another gateway delivers: circuit, attempts, failures and the last hour are to be asked there."`
	Orphaned    bool             `json:"orphaned" doc:"The configuration does not have it; its deliveries are kept, and no attempts are made."`
	Paused      bool             `json:"paused"`
	Waiting     int64            `json:"waiting"`
	Claimed     int64            `json:"claimed"`
	DeadLetters int64            `json:"dead_letters"`
	Bytes       int64            `json:"backlog_bytes"`
	Oldest      time.Time        `json:"oldest,omitzero" doc:"When the oldest message that waits was received."`
	Circuit     *Circuit         `json:"circuit,omitempty" doc:"Absent where no worker runs, or elsewhere."`
	Attempts    map[string]int64 `json:"attempts" doc:"Attempts since the start of the process, by outcome, as in the metric attempts_total."`
	LastSuccess time.Time        `json:"last_success,omitzero"`
	LastFailure time.Time        `json:"last_failure,omitzero"`
	LastError   string           `json:"last_error,omitempty" doc:"Of the last failure."`
	Recent      RecentAttempts   `json:"recent"`
	Latency     *Latency         `json:"latency,omitempty" doc:"Of attempts, failed ones included. Absent: none in the last hour."`
	Settings    []Setting        `json:"settings,omitempty" doc:"The lines in force, defaults included. Absent in lists."`
}

// Circuit is the state of a forward's circuit.
type Circuit struct {
	State    queue.CircuitState `json:"state" enum:"closed,open,half_open"`
	Since    time.Time          `json:"since,omitzero"`
	Probe    time.Time          `json:"next_probe,omitzero" doc:"While open: when the next probe may go."`
	InFlight int                `json:"in_flight" doc:"Attempts under way."`
	Allowed  int                `json:"allowed" doc:"Attempts at once at the moment: fewer while a backlog drains after an outage."`
	Error    string             `json:"error,omitempty" doc:"The error that opened the circuit."`
}

// Summary is a message in lists.
type Summary struct {
	ID         queue.ID  `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
	Endpoint   string    `json:"endpoint"`
	EventID    string    `json:"event_id,omitempty" doc:"In lists at most 256 bytes; so is event_type."`
	EventType  string    `json:"event_type,omitempty"`
	Size       int64     `json:"size" doc:"Bytes of the stored record."`
}

// DeliveryState is where one delivery stands.
type DeliveryState struct {
	Forward     string      `json:"forward" doc:"Empty: the forward without a name."`
	Destination string      `json:"destination"`
	State       queue.State `json:"state,omitempty" enum:"waiting,delivered,dead_letter,cancelled,unrouted"`
	Claimed     bool        `json:"claimed" doc:"An attempt is under way."`
	Attempts    int         `json:"attempts" doc:"Counted ones, since the receipt or since a person redelivered."`
	Last        *Attempt    `json:"last_attempt,omitempty"`
	Next        time.Time   `json:"next,omitzero" doc:"When a waiting one is due."`
	Ended       time.Time   `json:"ended,omitzero" doc:"When it was delivered, cancelled or given up."`
	Redelivered time.Time   `json:"redelivered,omitzero" doc:"When a person last redelivered it."`
	Why         *Why        `json:"why,omitempty" doc:"Of a waiting delivery that is not being attempted: what it waits for."`
	Damaged     string      `json:"damaged,omitempty" doc:"Why its record cannot be read."`
}

// Why is the reason why a delivery waits.
type Why struct {
	Reason string    `json:"reason" enum:"paused,orphaned,stopped,circuit_open,circuit_half_open,order,due,rate,concurrency,soon" doc:"paused: by a person. orphaned: the configuration does not have its forward. stopped: the configuration is being stopped. circuit_open: the upstream is left alone after failures. circuit_half_open: a probe is under way. order: another one of the same order key goes first. due: its next attempt has a time. rate: the forward's rate is used up. concurrency: as many attempts as allowed are under way. soon: none of these; it is attempted next."`
	Until  time.Time `json:"until,omitzero" doc:"When that is over, where it is known."`
	Behind string    `json:"behind,omitempty" doc:"Of order: the message that goes first."`
}

// Attempt is one attempt at a delivery.
type Attempt struct {
	Number   int           `json:"number"`
	At       time.Time     `json:"at"`
	Duration float64       `json:"duration_seconds"`
	Failure  queue.Failure `json:"failure,omitempty" doc:"Absent: the upstream has taken it. Else refused, timeout, reset, tls, status, aborted or internal."`
	Status   int           `json:"status,omitempty" doc:"Of the upstream's answer."`
	Error    string        `json:"error,omitempty"`
	Excerpt  string        `json:"excerpt,omitempty" doc:"The beginning of the answer's body."`
}

// MessageEntry is a message in a list.
type MessageEntry struct {
	Summary
	Deliveries []DeliveryState `json:"deliveries"`
}

// Messages is a page of messages.
type Messages struct {
	Messages []MessageEntry `json:"messages"`
	Next     queue.Cursor   `json:"next,omitempty" doc:"Give it as after to get the next page. Absent: the list is over. A page may be short, or empty, and still have one."`
	Note     string         `json:"note,omitempty" doc:"Said where nothing matches."`
}

// Delivery is a delivery in a list.
type Delivery struct {
	Summary
	DeliveryState
}

// Deliveries is a page of deliveries.
type Deliveries struct {
	Deliveries []Delivery   `json:"deliveries"`
	Next       queue.Cursor `json:"next,omitempty" doc:"Give it as after to get the next page. Absent: the list is over. A page may be short, or empty, and still have one."`
	Note       string       `json:"note,omitempty" doc:"Said where nothing matches."`
}

// Message is all that is kept of one message.
type Message struct {
	Summary
	Provider   string    `json:"provider,omitempty"`
	Timestamp  time.Time `json:"timestamp,omitzero" doc:"The sender's time."`
	Signed     string    `json:"signed,omitempty" doc:"The parts under the signature: id, type, timestamp, body, url."`
	TraceID    string    `json:"trace_id,omitempty" doc:"The trace of the request that brought the event, by its header traceparent: 32 hexadecimal digits."`
	Request    *Request  `json:"request,omitempty" doc:"Absent where the message is damaged."`
	Damaged    string    `json:"damaged,omitempty" doc:"Why the message cannot be read."`
	Deliveries []History `json:"deliveries"`
}

// Request is a received request, redacted.
type Request struct {
	Method       string              `json:"method"`
	URI          string              `json:"uri"`
	Host         string              `json:"host"`
	Proto        string              `json:"proto"`
	RemoteAddr   string              `json:"remote_addr"`
	ClientIP     string              `json:"client_ip"`
	TLS          bool                `json:"tls"`
	TrustedProxy bool                `json:"trusted_proxy"`
	Header       map[string][]string `json:"headers"`
	Body         string              `json:"body"`
	Encoding     string              `json:"encoding,omitempty" enum:"base64" doc:"Of body, where it is not UTF-8."`
	BodyBytes    int64               `json:"body_bytes" doc:"Of the whole body."`
	Truncated    bool                `json:"truncated" doc:"There is more of the body. Of a message, …/body has all of it."`
}

// History is a delivery with its attempts.
type History struct {
	DeliveryState
	History []Attempt `json:"history" doc:"Attempts, the oldest first. Of very many the oldest are not kept."`
}

// Filter selects messages and deliveries. Members that are absent select all.
type Filter struct {
	ID       string  `json:"id,omitempty" doc:"One message. It goes with forward, and with state as for others, and with nothing else."`
	Endpoint string  `json:"endpoint,omitempty"`
	Forward  *string `json:"forward,omitempty" doc:"A forward's name; empty: the one without a name."`
	State    string  `json:"state,omitempty" doc:"One or more of waiting, delivered, dead_letter, cancelled, unrouted, with commas between; or all."`
	Type     string  `json:"type,omitempty" doc:"An event type; * stands for any text."`
	EventID  string  `json:"event_id,omitempty"`
	Since    string  `json:"since,omitempty" doc:"Received then or later: a time as in RFC 3339, a day or a time of day of the gateway's zone such as yesterday or 14:00, or how long ago, such as 2h or 3d."`
	Until    string  `json:"until,omitempty" doc:"Received before: as since."`
}

// Bulk asks for one chunk of work on the selection of a filter.
type Bulk struct {
	Filter  Filter       `json:"filter"`
	Forward *string      `json:"forward,omitempty" doc:"Of redeliver alone: the forward to which the selected messages go, also where they had no delivery to it. Without it each selected delivery is made again."`
	After   queue.Cursor `json:"after,omitempty" doc:"next of the call before."`
	Limit   int          `json:"limit,omitempty" doc:"How many are dealt with in this call: 1 to 1000, of count to 100000. Default: the most."`
}

// Done is the result of a chunk.
type Done struct {
	Matched   int            `json:"matched" doc:"How many the filter selected in this chunk."`
	Changed   int            `json:"changed"`
	Skipped   int            `json:"skipped"`
	SkippedBy map[string]int `json:"skipped_by,omitempty" doc:"By reason. busy: an attempt is under way. state: its state has changed. gone: it was removed. nowhere: it matches no forward. orphaned: its endpoint or forward is not in the configuration. damaged: it cannot be read. Of refused requests: duplicate or replayed, impossible, or the reason for which it is still refused."`
	Next      queue.Cursor   `json:"next,omitempty" doc:"Give it as after, and until as filter.until, to go on. Absent: that was all."`
	Held      map[string]Why `json:"held,omitempty" doc:"Of redeliver: destinations of changed deliveries that get none at the moment, with the reason. For an open circuit there is probe."`
	Until     time.Time      `json:"until" doc:"Events that were received from then on are not touched."`
	Note      string         `json:"note,omitempty" doc:"Said where nothing matches."`
}

// Target names an endpoint, or one of its forwards.
type Target struct {
	Endpoint string  `json:"endpoint"`
	Forward  *string `json:"forward,omitempty" doc:"A forward's name; empty: the one without a name; absent: all of the endpoint."`
}

// Paused lists what was paused or resumed.
type Paused struct {
	Paused       bool     `json:"paused"`
	Destinations []string `json:"destinations"`
}

// Probed lists the destinations whose open circuit is probed.
type Probed struct {
	Destinations []string          `json:"destinations" doc:"One waiting delivery of each is attempted at once. The stream of tail has its outcome."`
	Skipped      map[string]string `json:"skipped,omitempty" doc:"Destinations that are not probed, with the reason. closed: the circuit is closed, so deliveries are attempted when they are due. half_open: a probe is under way. paused: a person has paused it. idle: nothing waits. elsewhere: another gateway delivers; ask it there. busy: all waiting deliveries were being attempted or changed for 2 seconds. orphaned: the configuration does not have it. stopped: the configuration is being stopped."`
}

// Redeliver says where a message goes once more.
type Redeliver struct {
	Forward *string `json:"forward,omitempty" doc:"A forward's name; empty: the one without a name. Absent: the deliveries of the message that were not delivered, or if all were, all; where it was unrouted, what the endpoint's routing says now."`
}

// Redelivered lists the destinations that a message goes to once more.
type Redelivered struct {
	ID           queue.ID          `json:"id"`
	Destinations []string          `json:"destinations"`
	Skipped      map[string]string `json:"skipped,omitempty" doc:"Deliveries that were left alone, by destination, with the reason."`
	Held         map[string]Why    `json:"held,omitempty" doc:"Of the destinations, those that get no delivery at the moment, with the reason. For an open circuit there is probe."`
}

// Forgotten says whether a dedupe key was there.
type Forgotten struct {
	Forgotten bool   `json:"forgotten" doc:"False: there was no such key."`
	Note      string `json:"note,omitempty"`
}

// Event is the data of an event in the live stream.
type Event struct {
	At        time.Time      `json:"at"`
	Node      string         `json:"node,omitempty" doc:"The gateway, in a stream of all gateways."`
	Endpoint  string         `json:"endpoint"`
	Forward   *string        `json:"forward,omitempty" doc:"Of attempts and circuits."`
	Outcome   string         `json:"outcome" doc:"Of requests: accepted, duplicate, replayed, refused, observed, limited, unavailable, failed, aborted. Of attempts: delivered, retry, dead_letter, released. Of circuits: circuit_open, circuit_half_open, circuit_closed."`
	Reason    string         `json:"reason,omitempty" doc:"Why a request was refused, or would have been."`
	Detail    string         `json:"detail,omitempty" doc:"Of refused and observed requests, as are method, uri and size: more about the reason."`
	Method    string         `json:"method,omitempty"`
	URI       string         `json:"uri,omitempty" doc:"Path and query, redacted. Absent if it is longer than 2 KiB."`
	Size      *int64         `json:"size,omitempty" doc:"Bytes of the body, as far as it was read or announced."`
	RefusedID string         `json:"refused_id,omitempty" doc:"Of the copy of a refused request, for refused/{id}."`
	MessageID string         `json:"message_id,omitempty"`
	EventID   string         `json:"event_id,omitempty"`
	EventType string         `json:"event_type,omitempty"`
	ClientIP  string         `json:"client_ip,omitempty"`
	Attempt   int            `json:"attempt,omitempty"`
	Status    int            `json:"status,omitempty" doc:"Of the upstream's answer."`
	Failure   string         `json:"failure,omitempty"`
	Error     string         `json:"error,omitempty"`
	Duration  float64        `json:"duration_seconds,omitempty"`
	Next      time.Time      `json:"next,omitzero" doc:"When a failed attempt will be repeated, or an open circuit probed."`
	Held      map[string]Why `json:"held,omitempty" doc:"Of accepted: the event's destinations whose circuit is open."`
}

// Lost is the data of the event lost.
type Lost struct {
	Lost int64 `json:"lost" doc:"How many events this reader has missed, being too slow."`
}

// Error is the body of every failure.
type Error struct {
	Error string `json:"error"`
}
