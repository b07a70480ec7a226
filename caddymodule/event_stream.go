package caddymodule

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// eventStream writes server-sent events until over.
//
// A reader may stop reading in the middle of an event. It then has stalledAfter to go on,
// and lastWrites in all once the stream is over: otherwise it would hold up the exit of
// the process, or the end of the old configuration.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	over    context.Context // when the reader goes, its server shuts down, or the configuration changes
	failed  error           // of the first write that failed: nothing may follow a half event
	pace    *rate.Limiter   // of the events' bytes; nil: there is no limit

	mu     sync.Mutex // guards ending and the write deadline
	ending bool       // the deadline is the last one
}

const (
	stalledAfter = 30 * time.Second
	lastWrites   = time.Second
	streamPiece  = 64 << 10 // bytes of an event that have to be taken within stalledAfter
)

// keepAlive is how often a silent stream shows that it lives. It is a variable
// for the tests.
var keepAlive = 15 * time.Second

// newEventStream begins the answer to a reader. The caller calls end before it returns.
func newEventStream(w http.ResponseWriter, reader, configuration context.Context) (s *eventStream, end func()) {
	over, cancel := context.WithCancel(reader)
	s = &eventStream{w: w, control: http.NewResponseController(w), over: over}
	stopFollowing := context.AfterFunc(configuration, cancel)
	stopHurrying := context.AfterFunc(over, s.hurry)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	_ = s.comment("listening") // if it fails, so does all that follows
	return s, func() {
		if over.Err() != nil {
			s.hurry()
		}
		if configuration.Err() != nil {
			_ = s.comment("the configuration has changed")
		}
		stopFollowing()
		stopHurrying()
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ending = true // the connection is no longer this stream's
	}
}

// hurry sets the deadline of all writes that are left, the one under way included.
func (s *eventStream) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		s.ending = true
		_ = s.control.SetWriteDeadline(time.Now().Add(lastWrites))
	}
}

// extend sets the deadline of the next write.
func (s *eventStream) extend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		_ = s.control.SetWriteDeadline(time.Now().Add(stalledAfter)) // without support for it, writes may block
	}
}

func (s *eventStream) event(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.send("event: "+name+"\ndata: ", b)
}

// eventWithID is an event with which a reader can say later where it was.
func (s *eventStream) eventWithID(name, id string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.send("id: "+id+"\nevent: "+name+"\ndata: ", b)
}

func (s *eventStream) comment(text string) error { return s.send(": "+text, nil) }

// send writes an event, or a comment. Without an error, all of it has left this process.
func (s *eventStream) send(head string, data []byte) error {
	s.write([]byte(head))
	for piece := range slices.Chunk(data, streamPiece) {
		if s.failed == nil && s.pace != nil {
			s.failed = s.pace.WaitN(s.over, len(piece))
		}
		s.write(piece)
	}
	s.write([]byte("\n\n"))
	if s.failed == nil {
		s.failed = s.control.Flush()
	}
	return s.failed
}

func (s *eventStream) write(piece []byte) {
	if s.failed == nil {
		s.extend()
		_, s.failed = s.w.Write(piece)
	}
}
