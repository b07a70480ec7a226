package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"
)

func init() { caddy.RegisterModule(&Alert{}) }

// Defaults of an [Alert].
const (
	alertEvery   = time.Minute
	alertTimeout = 10 * time.Second
	alertField   = "text"
	alertQueue   = 64 // messages that wait to be posted
)

// Alert is a handler of Caddy's events that posts a line of text to the incoming
// webhook of a chat: `{"text": "…"}`, which Slack, Mattermost, Rocket.Chat,
// Google Chat and Teams take; Discord wants the field `content`.
//
// Repeated events are reported once in a while. For one kind of event at one endpoint
// or forward, there is one message in each interval, with the number of those that
// were left out since.
//
// Caddyfile:
//
//	{
//		events {
//			on dead_letter webhook_gateway_alert {env.CHAT_URL} {
//				text  "{event.data.endpoint}: given up after {event.data.attempt} attempts"
//				field text           # default
//				every 1m             # default
//			}
//		}
//	}
type Alert struct {
	// URL is where messages are posted. It is a secret at most chats, and never
	// logged.
	URL string `json:"url"`

	// Text is the message, with placeholders such as {event.data.endpoint}.
	// Default: the name of the event and all of its data.
	Text string `json:"text,omitempty"`

	// Field of the JSON object that holds the message. Default: text.
	Field string `json:"field,omitempty"`

	// Every is the shortest time between two messages of one kind. Default: 1m.
	Every caddy.Duration `json:"every,omitempty"`

	logger  *zap.Logger
	client  *http.Client
	target  string
	queue   chan string
	posting context.Context
	cancel  context.CancelFunc
	begin   sync.Once     // of post: with the first message, or never after Cleanup
	closing chan struct{} // closed by Cleanup: no message follows
	ended   chan struct{} // post has returned, or will never run

	mu   sync.Mutex
	said map[string]*saying
}

// saying notes the last message about one kind of event.
type saying struct {
	last time.Time
	more int // left out since
}

// CaddyModule returns the Caddy module information.
func (*Alert) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.webhook_gateway_alert", New: func() caddy.Module { return new(Alert) }}
}

// String keeps the URL out of Caddy's debug log, which shows handlers of events.
func (*Alert) String() string { return "webhook_gateway_alert" }

// Provision settles the defaults. It starts nothing, since `caddy validate` runs it
// beside a working gateway; the first message starts the goroutine that posts.
func (a *Alert) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	var err error
	if a.target, err = resolve(a.URL); err != nil {
		return fmt.Errorf("the alert's URL: %w", err)
	}
	if u, err := url.Parse(a.target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("the alert's URL is not an http or https URL: write `webhook_gateway_alert https://…`") // without quoting it
	}
	if a.Field == "" {
		a.Field = alertField
	}
	switch {
	case a.Every == 0:
		a.Every = caddy.Duration(alertEvery)
	case a.Every < 0:
		return errors.New("the alert's interval cannot be negative")
	}
	a.said = make(map[string]*saying)
	a.client = &http.Client{Timeout: alertTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a.queue, a.closing, a.ended = make(chan string, alertQueue), make(chan struct{}), make(chan struct{})
	a.posting, a.cancel = context.WithCancel(context.Background())
	return nil
}

// Cleanup ends posting. The queued messages are still posted, for as long as the grace
// period: on a reload in the background, at an exit before Cleanup returns.
func (a *Alert) Cleanup() error {
	if a.cancel == nil {
		return nil
	}
	close(a.closing)
	a.begin.Do(func() { close(a.ended) })
	timer := time.AfterFunc(gracePeriod, a.cancel)
	finish := func() {
		<-a.ended
		timer.Stop()
		a.cancel()
	}
	if caddy.Exiting() {
		finish()
	} else {
		go finish()
	}
	return nil
}

// Handle takes an event. It does not wait for the chat, because the emitter waits for
// Handle.
func (a *Alert) Handle(_ context.Context, e caddy.Event) error {
	more, due := a.due(e)
	if !due {
		return nil
	}
	a.begin.Do(func() { go a.post(a.posting) })
	select {
	case <-a.closing:
		return errors.New("the configuration of this alert has ended")
	default:
	}
	select {
	case a.queue <- a.message(e, more):
	default:
		a.logger.Warn("an alert was left out: the chat is slower than the events", zap.String("event", e.Name()))
	}
	return nil
}

// due reports whether a message of this kind is due, and how many were left out.
func (a *Alert) due(e caddy.Event) (more int, due bool) {
	kind := fmt.Sprint(e.Name(), "\x00", e.Data["endpoint"], "\x00", e.Data["forward"])
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.said[kind]
	if s == nil {
		s = new(saying)
		a.said[kind] = s
	}
	if now := e.Timestamp(); now.Sub(s.last) >= time.Duration(a.Every) {
		more, s.last, s.more = s.more, now, 0
		return more, true
	}
	s.more++
	return 0, false
}

func (a *Alert) message(e caddy.Event, more int) string {
	repl := caddy.NewReplacer()
	repl.Map(func(key string) (any, bool) {
		switch key {
		case "event.name":
			return e.Name(), true
		case "event.time":
			return e.Timestamp().UTC().Format(time.RFC3339), true
		}
		name, ok := strings.CutPrefix(key, "event.data.")
		if !ok {
			return nil, false
		}
		v, ok := e.Data[name]
		return v, ok
	})
	text := a.Text
	if text == "" {
		text = "webhook_gateway: " + e.Name() + describe(e.Data)
	} else {
		text = repl.ReplaceAll(text, "")
	}
	if more > 0 {
		text += fmt.Sprintf(" (and %d more since the last message)", more)
	}
	return text
}

// describe returns all of an event's data, in the order of the names.
func describe(data map[string]any) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if v := fmt.Sprint(data[name]); v != "" {
			fmt.Fprintf(&b, " %s=%s", name, v)
		}
	}
	return b.String()
}

// post sends the queued messages, one after the other. After Cleanup it returns when the
// queue is empty or ctx is done.
func (a *Alert) post(ctx context.Context) {
	defer close(a.ended)
	for {
		var text string
		select {
		case text = <-a.queue:
		case <-a.closing:
			select {
			case text = <-a.queue:
			default:
				return
			}
		}
		err := a.say(ctx, text)
		switch {
		case err != nil && ctx.Err() != nil:
			a.logger.Warn("alerts were left out: the chat did not take them within the grace period", zap.Int("alerts", 1+len(a.queue)))
			return
		case err != nil:
			a.logger.Error("the alert could not be posted", zap.Error(err))
		}
	}
}

func (a *Alert) say(ctx context.Context, text string) error {
	body, err := json.Marshal(map[string]string{a.Field: text})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.target, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL cannot be called")
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(r)
	if err != nil {
		var e *url.Error // names the URL
		if errors.As(err, &e) {
			err = e.Err
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	if resp.StatusCode >= 300 {
		return fmt.Errorf("the chat answered with %d", resp.StatusCode)
	}
	return nil
}

// UnmarshalCaddyfile reads the handler; see [Alert].
func (a *Alert) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the handler's name
	if !d.NextArg() {
		return d.Err("where to? Write `webhook_gateway_alert <url>`")
	}
	a.URL = d.Val()
	if d.NextArg() {
		return d.ArgErr()
	}
	_, err := alertBlock.readAll(a, d, d.Nesting())
	return err
}

// alertBlock reads the lines of the handler's block.
var alertBlock = block[*Alert]{lines: []subdirective[*Alert]{
	{name: "text", read: func(a *Alert, d *caddyfile.Dispenser) error { return oneArg(d, &a.Text) }},
	{name: "field", read: func(a *Alert, d *caddyfile.Dispenser) error { return oneArg(d, &a.Field) }},
	{name: "every", read: func(a *Alert, d *caddyfile.Dispenser) error { return oneDuration(d, &a.Every) }},
}}

var (
	_ caddyevents.Handler   = (*Alert)(nil)
	_ caddy.Provisioner     = (*Alert)(nil)
	_ caddy.CleanerUpper    = (*Alert)(nil)
	_ caddyfile.Unmarshaler = (*Alert)(nil)
)
