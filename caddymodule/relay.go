package caddymodule

import (
	"encoding/json"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// relayed is an outcome on its way to the gateways whose readers follow all of them.
type relayed struct {
	Name  string         `json:"name,omitempty"` // as in the stream
	Event adminapi.Event `json:"event,omitzero"`
	Lost  int64          `json:"lost,omitempty"` // events that were dropped before this one
}

// relayPause is how often a relay looks whether somebody follows.
const relayPause = 250 * time.Millisecond

// relay tells the other gateways of a cluster this one's outcomes while one of them follows. What
// it tells passes through the database, so it is redacted before.
func (s *shared) relay(to queue.Clustered, done <-chan struct{}) {
	tick := time.NewTicker(relayPause)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if to.Followed() {
				s.relayWhileFollowed(to, done)
			}
		case <-done:
			return
		}
	}
}

func (s *shared) relayWhileFollowed(to queue.Clustered, done <-chan struct{}) {
	reads, stop := outcomes.listen(func(*adminapi.Event) bool { return true })
	defer stop()
	tick := time.NewTicker(relayPause)
	defer tick.Stop()
	lost := int64(0)
	for {
		select {
		case e := <-reads.events:
			lost += reads.lost.Swap(0)
			forRelay(&e.Event)
			b, err := json.Marshal(relayed{e.name, e.Event, lost})
			if err == nil && to.Tell(b) {
				lost = 0
			} else {
				lost++
			}
		case <-tick.C:
			if !to.Followed() {
				return
			}
		case <-done:
			return
		}
	}
}

// forRelay makes an event fit for the database: redacted, and where the store is encrypted without
// the texts that it would seal.
func forRelay(e *adminapi.Event) {
	app := runningApp()
	if app == nil { // no secret is known
		e.EventID, e.EventType, e.Method = "", "", ""
	} else {
		app.showing(e.Endpoint).event(e)
	}
	if app == nil || app.endpoints[e.Endpoint] == nil || len(app.Encrypt) > 0 {
		e.Error, e.Detail, e.URI, e.ClientIP = "", "", "", ""
		return
	}
	const most = 1 << 10
	if len(e.Error) > most {
		e.Error = "" // it has to fit into a message of the database
	}
	if len(e.URI) > most {
		e.URI = ""
	}
}

// followAll adds the outcomes of the other gateways to a reader.
func (o *opened) followAll(l *listener) (stop func(), err error) {
	c, ok := o.shared.store.(queue.Clustered)
	if !ok {
		return nil, badRequest("all: the store %s is of one gateway alone", o.shared.location)
	}
	stop, err = c.Follow(func(node string, text []byte) {
		var r relayed
		if json.Unmarshal(text, &r) != nil {
			return // of another version
		}
		l.lost.Add(r.Lost)
		if r.Event.Node = node; !l.wants(&r.Event) {
			return
		}
		select {
		case l.events <- liveEvent{r.Name, fromElsewhere, r.Event}:
		default:
			l.lost.Add(1)
		}
	})
	if err != nil {
		return nil, badRequest("all: %w", err)
	}
	return stop, nil
}

// fromElsewhere is the number of the events of other gateways. A reader cannot resume at them.
const fromElsewhere = -1
