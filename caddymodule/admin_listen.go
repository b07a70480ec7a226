package caddymodule

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// listeningNow are the listeners of this process.
var listeningNow places

// places are for those who are there at once.
type places struct{ taken atomic.Int64 }

// take takes a place if fewer than most are taken. The caller then calls leave in the end.
func (p *places) take(most int) bool {
	for {
		n := p.taken.Load()
		if n >= int64(most) {
			return false
		}
		if p.taken.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (p *places) leave() { p.taken.Add(-1) }

// listen streams the messages of the store and then those that arrive, until the reader
// goes or the configuration does.
func (a *adminAPI) listen(w http.ResponseWriter, r *http.Request) error {
	configuration := caddy.ActiveContext()
	ask, err := a.listenAsk(r)
	if err != nil {
		return err
	}
	leave, err := a.holder.enter()
	if err != nil {
		return err
	}
	defer leave()
	if !listeningNow.take(ask.most) {
		return apiFailure(http.StatusServiceUnavailable, "%d listeners are connected, which is the most; max_listeners sets it", ask.most)
	}
	defer listeningNow.leave()
	l := ask.l
	news, stop := outcomes.listen(l.wants)
	defer stop()
	backlog, err := ask.backlog(r.Context())
	if err != nil {
		return err
	}
	began := time.Now()
	about := []zap.Field{zap.Strings("endpoints", l.endpoints), zap.String("type", l.filter.EventType), zap.String("remote", r.RemoteAddr)}
	if a.holder != nil {
		about = append(about, zap.String("by", a.holder.name))
	}
	ask.logger.Info("a listener gets events from now on", about...)
	defer func() {
		ask.logger.Info("a listener has gone", append(about, zap.Int("events", l.count), zap.Duration("after", time.Since(began)))...)
	}()
	stream, end := newEventStream(w, r.Context(), configuration)
	defer end()
	stream.pace = rate.NewLimiter(listenRate, listenBurst)
	if ask.gap != nil && stream.event("gap", ask.gap) != nil {
		return nil
	}
	if err := stream.listen(l, backlog, news); err != nil && stream.over.Err() == nil {
		ask.logger.Warn("a listener's stream ends; it can go on where it was", zap.Error(err))
	}
	return nil
}

// raw answers with one message as a listener gets it.
func (a *adminAPI) raw(w http.ResponseWriter, r *http.Request) error {
	o, found, err := a.find(r)
	if err != nil {
		return err
	}
	defer o.release()
	if found.Message == nil {
		return apiFailure(http.StatusUnprocessableEntity, "message %s is damaged: %v", found.ID, found.Err)
	}
	return writeJSON(w, a.heard(r.Context(), o, found))
}

// about says what a listener has to know before it begins.
func (a *adminAPI) about(w http.ResponseWriter, _ *http.Request) error {
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	answer := adminapi.ListenAbout{Now: time.Now().UTC(), Endpoints: []adminapi.ListenEndpoint{}, Redacted: a.holder != nil && !a.holder.raw}
	if a.holder != nil {
		answer.By = a.holder.name
	}
	names, _ := o.listenEndpoints("") // an error says that there is none
	for _, name := range names {
		e := adminapi.ListenEndpoint{Name: name}
		if h := o.app.endpoints[name]; h != nil {
			e.Provider = h.row.Name
		}
		answer.Endpoints = append(answer.Endpoints, e)
	}
	return writeJSON(w, answer)
}

// listen sends the backlog, the later messages of the store, and then those that arrive. The
// error is that of writing, or of the store.
func (s *eventStream) listen(l *listening, backlog []queue.ID, news *listener) error {
	if err := s.messages(l, backlog); err != nil {
		return err
	}
	pause := time.NewTimer(0) // a first walk at once
	defer pause.Stop()
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		walk := false
		select {
		case e := <-news.events:
			if err := s.messages(l, l.announced(e, news)); err != nil {
				return err
			}
			l.forget()
			walk = news.lost.Swap(0) > 0
		case <-pause.C:
			walk = true
		case <-alive.C:
			if err := s.comment("still here"); err != nil {
				return err
			}
		case <-s.over.Done():
			return s.over.Err()
		}
		if walk {
			began := time.Now()
			if err := s.walk(l); err != nil {
				return err
			}
			pause.Reset(max(time.Duration(listenPoll.Load()), 20*time.Since(began))) // a busy gateway spends at most 5 % on it
		}
	}
}

// walk sends the messages of the store that are new.
func (s *eventStream) walk(l *listening) error {
	from, after := l.from(), queue.Cursor("")
	for {
		ids, next, err := l.page(s.over, from, after)
		if err == nil {
			err = s.messages(l, ids)
		}
		if err != nil || next == "" {
			return err
		}
		after = next
	}
}

// messages reads and sends messages by their IDs.
func (s *eventStream) messages(l *listening, ids []queue.ID) error {
	for len(ids) > 0 {
		read, rest, err := l.batch(s.over, ids)
		if err != nil {
			return err
		}
		for i, v := range read {
			if err := s.over.Err(); err != nil {
				return err
			}
			switch v := v.(type) {
			case nil:
			case *adminapi.Heard:
				if err := s.eventWithID("message", v.Message.ID.String(), v); err != nil {
					return err
				}
				l.count++
			default:
				if err := s.event("gap", v); err != nil {
					return err
				}
			}
			l.handed(ids[i])
		}
		ids = rest
	}
	return nil
}

// listenAsk is the request of a listener.
type listenAsk struct {
	l      *listening
	logger *zap.Logger
	after  string // the message behind which it begins; empty: none
	last   int
	most   int // listeners at once
	gap    *adminapi.Gap
}

// listenAsk reads and checks a request.
func (a *adminAPI) listenAsk(r *http.Request) (*listenAsk, error) {
	query, now := r.URL.Query(), time.Now()
	o, err := a.open()
	if err != nil {
		return nil, err
	}
	defer o.release()
	l := &listening{api: a, filter: queue.Filter{EventType: query.Get("type")}, first: idAt(now), sent: make(map[queue.ID]struct{})}
	ask := &listenAsk{l: l, logger: o.app.logger, most: o.app.MaxListeners, after: cmp.Or(r.Header.Get("Last-Event-ID"), query.Get("after"))}
	if l.endpoints, err = o.listenEndpoints(query.Get("endpoint")); err != nil {
		return nil, err
	}
	if len(l.endpoints) == 1 {
		l.filter.Endpoint = l.endpoints[0]
	}
	if l.when, err = a.selection(query.Get("when")); err != nil {
		return nil, err
	}
	last, since := query.Get("last"), query.Get("since")
	if ask.after == "" && last != "" && since != "" {
		return nil, badRequest("since and last exclude each other: both say where to begin")
	}
	switch {
	case ask.after != "":
		id, err := parseID(ask.after)
		if err != nil {
			return nil, badRequest("after: %w", err)
		}
		ask.after, l.first = id.String(), idBehind(id)
		if now.Before(receiptOf(id)) { // no message of this gateway, or its clock was set back
			l.first = idAt(now)
		}
	case since != "":
		from, err := adminapi.ParseTime(since, now)
		if err != nil {
			return nil, badRequest("since: %w", err)
		}
		l.first = idAt(from)
	case last != "":
		if ask.last, err = strconv.Atoi(last); err != nil || ask.last < 1 || ask.last > maxLast {
			return nil, badRequest("last: it is a number from 1 to %d", maxLast)
		}
	}
	ask.gap = o.gapSince(l, now)
	return ask, nil
}

// maxWhen is how long the expression of a listener can be.
const maxWhen = 4 << 10

// selection compiles the expression of a listener; nil: there is none. The holder of a
// token may not have one, because expressions can be costly.
func (a *adminAPI) selection(expression string) (*Forward, error) {
	switch {
	case expression == "":
		return nil, nil
	case a.holder != nil:
		return nil, badRequest("when: a token does not allow expressions; select by type")
	case len(expression) > maxWhen:
		return nil, badRequest("when: an expression has at most %d characters", maxWhen)
	}
	f := &Forward{When: expression}
	if err := f.provisionWhen(caddy.ActiveContext()); err != nil {
		return nil, badRequest("when: %w", err)
	}
	return f, nil
}

// listenEndpoints reads names with commas between, and checks that the endpoints keep
// events.
func (o *opened) listenEndpoints(names string) (list []string, err error) {
	if names == "" {
		for name := range o.known() {
			if h := o.app.endpoints[name]; h == nil || h.asynchronous() {
				list = append(list, name)
			}
		}
		if len(list) == 0 {
			return nil, apiFailure(http.StatusUnprocessableEntity, "no endpoint keeps events: all pass them on to the next handler; an endpoint needs a `forward` or `keep` to be listened to")
		}
		slices.Sort(list)
		return list, nil
	}
	list = strings.Split(names, ",")
	for _, name := range list {
		if _, err := o.checkTarget(name, nil); err != nil {
			return nil, err
		}
		if h := o.app.endpoints[name]; h != nil && !h.asynchronous() {
			return nil, apiFailure(http.StatusUnprocessableEntity,
				"endpoint %s keeps no events: it passes them on to the next handler; it needs a `forward` or `keep` to be listened to", name)
		}
	}
	return list, nil
}

// gapSince returns the time whose events may have been removed already. nil: there is
// none, since ended events are kept for longer.
func (o *opened) gapSince(l *listening, now time.Time) *adminapi.Gap {
	kept := time.Duration(-1)
	for name, h := range o.app.endpoints {
		if h.asynchronous() && l.of(name) && (kept < 0 || h.retention() < kept) {
			kept = h.retention()
		}
	}
	from := receiptOf(l.first)
	if kept < 0 || !from.Before(now.Add(-kept)) {
		return nil
	}
	return &adminapi.Gap{From: from.UTC(), Until: now.Add(-kept).UTC(), Why: "delivered events are kept for " + orNothing(kept) + ", so older ones may be missing"}
}

// backlog returns the messages that come before a walk.
func (ask *listenAsk) backlog(ctx context.Context) ([]queue.ID, error) {
	l := ask.l
	switch {
	case ask.after != "":
		return handedOut.since(ask.after, l.picks), nil
	case ask.last > 0:
		ids, err := l.newest(ctx, ask.last)
		if len(ids) > 0 {
			l.first = ids[0]
		}
		return ids, err
	}
	return nil, nil
}
