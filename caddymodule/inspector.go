package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/inspector"
)

func init() {
	caddy.RegisterModule(&Inspector{})
}

// Inspector is a handler that serves the page for people, on a site that knows its
// readers. Every request has to come from a known reader: a handler before it, such as
// basic_auth, authenticates, and `by` names the result. If `by` is empty, the answer is
// 403, whatever is asked for.
//
// Caddyfile:
//
//	webhook_gateway_inspector [<path>/*] {
//		by        {http.auth.user.id}   # default
//		readonly                        # nobody changes anything
//		operators alice bob             # or: these may; the others only look
//		endpoints stripe github         # default: all
//		listen stripe {                 # caddy webhook listen --gateway, with a token
//			token alice {env.ALICE_TOKEN}
//		}
//	}
type Inspector struct {
	// Prefix is the path of the page, such as /hooks. The Caddyfile takes it from the
	// matcher. Default: the root.
	Prefix string `json:"prefix,omitempty"`

	// By is the placeholder that names the reader, or off where the site lets nobody
	// else in. Default: {http.auth.user.id}.
	By string `json:"by,omitempty"`

	// Readonly refuses changes by anybody.
	Readonly bool `json:"readonly,omitempty"`

	// Operators are the readers who may change something. They may have placeholders,
	// such as {env.OPERATOR}. Default: all.
	Operators []string `json:"operators,omitempty"`

	// Endpoints are the names of the endpoints that the page shows. Default: all.
	Endpoints []string `json:"endpoints,omitempty"`

	// Listen lets programs listen to endpoints with tokens of their own, at the path
	// listen below the page. Default: nobody.
	Listen []ListenGrant `json:"listen,omitempty"`

	operators []string // without placeholders

	holders []*holder
	guesses guesses
	repeats repeats

	logger *zap.Logger
	page   *inspector.Page
	ask    func(http.ResponseWriter, *http.Request) error
	ended  context.Context // is over when the server shuts down
	end    context.CancelFunc
}

const (
	defaultBy = "{http.auth.user.id}"
	byOff     = "off"
)

// onePlaceholder: a text around the placeholder would never be empty.
var onePlaceholder = regexp.MustCompile(`^\{[^{}]+\}$`)

// CaddyModule returns the Caddy module information.
func (*Inspector) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.webhook_gateway_inspector", New: func() caddy.Module { return new(Inspector) }}
}

// Provision settles the defaults and makes the page.
func (i *Inspector) Provision(ctx caddy.Context) error {
	i.logger = ctx.Logger()
	if i.By == "" {
		i.By = defaultBy
	}
	if err := i.check(); err != nil {
		return err
	}
	if i.By == byOff {
		i.logger.Warn("the inspector has `by off`: whoever reaches this site sees all events and can change them, unless it is readonly",
			zap.String("prefix", i.Prefix), zap.Bool("readonly", i.Readonly))
	}
	for _, name := range i.Operators {
		operator := strings.TrimSpace(caddy.NewReplacer().ReplaceAll(name, ""))
		if operator == "" {
			i.logger.Warn("an operator of the inspector has no name, so it is nobody: its placeholder is empty", zap.String("prefix", i.Prefix), zap.String("operator", name))
		}
		i.operators = append(i.operators, operator)
	}
	if err := i.provisionListen(); err != nil {
		return err
	}
	app, err := ctx.App("webhook_gateway")
	if err != nil {
		return err
	}
	app.(*App).inspectors = append(app.(*App).inspectors, i)
	i.ask = (&adminAPI{only: i.Endpoints}).dispatch()
	i.page = &inspector.Page{Base: i.Prefix, API: i.serve, Session: i.session}
	// An open tab's stream would hold up the end of the server, which waits for all
	// requests.
	i.ended, i.end = context.WithCancel(context.Background())
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		server.RegisterOnShutdown(i.end)
	}
	return nil
}

// warnOfNames warns of names that are no endpoints. known are those of the configuration
// and of the store.
func (i *Inspector) warnOfNames(known map[string]bool) {
	warn := func(line string, endpoints []string) {
		for _, name := range endpoints {
			if !known[name] {
				i.logger.Warn("the inspector names an endpoint that does not exist", zap.String("prefix", i.Prefix),
					zap.String("line", line), zap.String("endpoint", name))
			}
		}
	}
	warn("endpoints", i.Endpoints)
	for _, g := range i.Listen {
		warn("listen", g.Endpoints)
	}
}

// check refuses a configuration that says two things, or that lets in everybody
// unintentionally.
func (i *Inspector) check() error {
	switch {
	case i.By != "" && i.By != byOff && !onePlaceholder.MatchString(i.By):
		return fmt.Errorf("by %q is not one placeholder such as %s, so it would be the same or never empty; write `by off` where the site lets nobody else in", i.By, defaultBy)
	case i.Readonly && len(i.Operators) > 0:
		return errors.New("readonly and operators: with readonly nobody changes anything, so leave one of them out")
	case i.By == byOff && len(i.Operators) > 0:
		return errors.New("operators with `by off`: readers have no names then")
	case i.Prefix != "" && (!strings.HasPrefix(i.Prefix, "/") || strings.HasSuffix(i.Prefix, "/") || strings.ContainsAny(i.Prefix, "*?#%{}")):
		return fmt.Errorf("prefix %q is not a path such as /hooks", i.Prefix)
	}
	return i.checkListen()
}

// Cleanup ends the streams that are left.
func (i *Inspector) Cleanup() error {
	if i.end != nil {
		i.end()
	}
	i.repeats.close()
	return nil
}

func (i *Inspector) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(i.ended, cancel)()
	if r = r.WithContext(ctx); inspector.PlainPath(r.URL) && i.forListener(r) { // the page refuses other paths
		i.serveListener(w, r)
		return nil
	}
	i.page.ServeHTTP(w, r)
	return nil
}

// session finds out who reads.
func (i *Inspector) session(r *http.Request) (inspector.Session, error) {
	s := inspector.Session{Readonly: i.Readonly, Endpoints: i.Endpoints}
	if i.By == byOff {
		return s, nil
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		s.By = strings.TrimSpace(repl.ReplaceAll(i.By, ""))
	}
	if s.By == "" {
		return s, unknownReader(i.By)
	}
	if len(i.Operators) > 0 && !slices.Contains(i.operators, s.By) {
		s.Readonly = true
	}
	return s, nil
}

// unknownReader is the answer to a reader who is not known. It says what to write.
func unknownReader(by string) error { return errors.New(strings.Replace(howToKnow, "BY", by, 1)) }

const howToKnow = `The inspector shows webhooks, so it has to know who reads, and it does not: BY is empty for this request.

Authenticate before it on this site:

	basic_auth {
		alice <hash, from: caddy hash-password>
	}
	webhook_gateway_inspector /hooks/*

With another way to authenticate, name the reader in the block of webhook_gateway_inspector:

	by {http.request.header.Remote-User}     after forward_auth with copy_headers Remote-User
	by {http.request.tls.client.subject}     with client certificates
	by off                                   where nobody else reaches this site`

// maxLogged is how much of a change's request is logged.
const maxLogged = 1 << 10

// serve answers a call of the page by the operation of the admin API. Each change is
// logged with its reader.
func (i *Inspector) serve(w http.ResponseWriter, r *http.Request, call inspector.Call) {
	asked := new(bytes.Buffer)
	if call.Changes {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &limited{asked, maxLogged}), r.Body}
	}
	status := http.StatusOK
	if err := i.ask(w, r); err != nil {
		status = refuse(w, err)
	}
	if call.Changes {
		i.logger.Info("changed in the inspector", zap.String("by", call.Session.By), zap.String("client", clientIP(r)),
			zap.String("operation", r.Method+" "+r.URL.Path), zap.String("request", asked.String()), zap.Int("status", status))
	}
}

// limited keeps the first bytes that are written to it.
type limited struct {
	to   *bytes.Buffer
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	l.to.Write(p[:min(len(p), l.most-l.to.Len())])
	return len(p), nil
}

var (
	_ caddy.Provisioner           = (*Inspector)(nil)
	_ caddy.CleanerUpper          = (*Inspector)(nil)
	_ caddyhttp.MiddlewareHandler = (*Inspector)(nil)
)
