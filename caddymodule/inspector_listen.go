package caddymodule

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/inspector"
)

// ListenGrant lets programs listen to endpoints with tokens of their own: people sign in
// to the page, `caddy webhook listen` cannot. It reads events and changes nothing.
type ListenGrant struct {
	// Endpoints are the names of the endpoints. Default: those that the page shows.
	Endpoints []string `json:"endpoints,omitempty"`

	// Raw gives requests as they were received. Otherwise signatures, tokens and the
	// values that `redact` names are hidden.
	Raw bool `json:"raw,omitempty"`

	// Tokens are the tokens that the grant is for. At least one.
	Tokens []ListenToken `json:"tokens,omitempty"`
}

// ListenToken is a token with the name of its owner.
type ListenToken struct {
	// Name is the owner, for the log. Default: the token's place, such as token 1.
	Name string `json:"name,omitempty"`

	// Token is at least 16 characters long and may have placeholders, such as
	// {env.LISTEN_TOKEN} or {file./run/secrets/listen}.
	Token string `json:"token,omitempty"`
}

const (
	shortestToken = 16
	maxOfToken    = 4 // listeners with one token

	startBurst = 10 // listeners of a token that may begin at once
	startEvery = time.Second
)

// holder is the owner of a token. An adminAPI that has one answers to its owner alone.
type holder struct {
	name      string
	raw       bool
	digest    [sha256.Size]byte
	ask       func(http.ResponseWriter, *http.Request) error
	listening places
	starts    *rate.Limiter // of its listeners
}

// enter counts a listener of the holder, until leave is called. A program that connects
// again and again would otherwise fill the log, and read more than the rate of a listener.
func (h *holder) enter() (leave func(), err error) {
	switch {
	case h == nil:
		return func() {}, nil
	case !h.listening.take(maxOfToken):
		return nil, apiFailure(http.StatusServiceUnavailable, "%d listeners use this token, which is the most", maxOfToken)
	case !h.starts.Allow():
		h.listening.leave()
		return nil, apiFailure(http.StatusServiceUnavailable, "this token has connected %d times at once; from now on it can once in %s", startBurst, span(startEvery))
	}
	return h.listening.leave, nil
}

// checkListen refuses grants that let in nobody or too many.
func (i *Inspector) checkListen() error {
	names := make(map[string]bool)
	for _, g := range i.Listen {
		if len(g.Tokens) == 0 {
			return errors.New("listen: a token is missing: write `listen { token {env.LISTEN_TOKEN} }`")
		}
		for _, endpoint := range g.Endpoints {
			if len(i.Endpoints) > 0 && !slices.Contains(i.Endpoints, endpoint) {
				return fmt.Errorf("listen %s: the line `endpoints` does not name it", endpoint)
			}
		}
		for _, t := range g.Tokens {
			if t.Name != "" && names[t.Name] {
				return fmt.Errorf("listen: two tokens have the name %s, so the log could not tell them apart", t.Name)
			}
			names[t.Name] = true
		}
	}
	return nil
}

// provisionListen settles who holds which token.
func (i *Inspector) provisionListen() error {
	for _, g := range i.Listen {
		only := g.Endpoints
		if len(only) == 0 {
			only = i.Endpoints
		}
		for _, t := range g.Tokens {
			h := &holder{name: t.Name, raw: g.Raw, starts: rate.NewLimiter(rate.Every(startEvery), startBurst)}
			if h.name == "" {
				h.name = fmt.Sprintf("token %d", len(i.holders)+1)
			}
			token, err := resolve(t.Token)
			if err != nil {
				return fmt.Errorf("listen: %s: %w", h.name, err)
			}
			if token = strings.TrimSpace(token); strings.ContainsFunc(token, unicode.IsControl) { // as holderOf does
				return fmt.Errorf("listen: %s: a token of several lines, or with another control character, cannot be sent", h.name)
			}
			if len(token) < shortestToken {
				return fmt.Errorf("listen: %s: a token shorter than %d characters can be guessed; `openssl rand -hex 24` makes one", h.name, shortestToken)
			}
			h.digest = sha256.Sum256([]byte(token))
			if slices.ContainsFunc(i.holders, func(other *holder) bool { return other.digest == h.digest }) {
				return fmt.Errorf("listen: %s has the token of another line", h.name)
			}
			h.ask = (&adminAPI{only: only, holder: h}).dispatch()
			i.holders = append(i.holders, h)
		}
	}
	return nil
}

// listenPath is where programs listen, below the page.
const listenPath = "/listen"

// forListeners are the operations of the admin API that a token is good for.
var forListeners = []string{"listen", "listenAbout", "messages", "rawMessage"}

// forListener reports whether a request is one of a program with a token. It ignores case,
// as Caddy's path matcher does: what the matcher lets pass without another login must never
// reach the page.
func (i *Inspector) forListener(r *http.Request) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(r.URL.Path), strings.ToLower(i.Prefix+listenPath))
	return ok && len(i.holders) > 0 && (rest == "" || rest[0] == '/')
}

// serveListener answers a program by the operation of the admin API, if it has a token.
func (i *Inspector) serveListener(w http.ResponseWriter, r *http.Request) {
	inspector.SetHeaders(w.Header())
	h, status, err := i.holderOf(r)
	if err != nil {
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", fmt.Sprint(int(guessEvery.Seconds())))
		} else {
			w.Header().Set("WWW-Authenticate", `Bearer realm="webhook_gateway"`)
		}
		inspector.Refuse(w, status, err.Error())
		return
	}
	inner := r.Clone(r.Context())
	inner.Header.Del("Authorization")
	inner.URL = &url.URL{Path: adminapi.Prefix + strings.TrimPrefix(r.URL.Path, i.Prefix+listenPath), RawQuery: r.URL.RawQuery}
	inner.RequestURI = inner.URL.RequestURI()
	if err := h.ask(w, inner); err != nil {
		refuse(w, err)
	}
}

// holderOf finds the holder of the request's token. Otherwise it returns the status and
// the error of the answer.
func (i *Inspector) holderOf(r *http.Request) (*holder, int, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, http.StatusUnauthorized, errors.New("a token is needed: caddy webhook listen --gateway … --token …")
	}
	digest := sha256.Sum256([]byte(strings.TrimSpace(token)))
	var found *holder
	for _, h := range i.holders { // all of them, so that the time says nothing
		if subtle.ConstantTimeCompare(h.digest[:], digest[:]) == 1 {
			found = h
		}
	}
	if found != nil {
		return found, 0, nil // whatever strangers at the same address have sent
	}
	client := network(clientIP(r))
	if !i.guesses.wrong(client) {
		return nil, http.StatusTooManyRequests, errors.New("too many wrong tokens came from there; wait a little")
	}
	const text = "a listener with an unknown token was refused"
	logger := i.logger
	if i.repeats.first(repeat{endpoint: i.Prefix, text: text}, client.String(), time.Now(), func(more int) { logger.Warn(text, zap.Int("repeated", more)) }) {
		logger.Warn(text, zap.String("client", clientIP(r)))
	}
	return nil, http.StatusUnauthorized, errors.New("the gateway does not have this token, or not any more")
}

const (
	guessBurst = 10 // wrong tokens of a client at once
	guessEvery = 10 * time.Second
	guessers   = 4096 // clients that are remembered
)

// guesses limits how many wrong tokens a client can send. The zero guesses has none.
type guesses struct {
	mu sync.Mutex
	of map[netip.Addr]*rate.Limiter
}

// wrong counts a wrong token and reports whether the client is within the limit. When too
// many clients are remembered, those that have stopped guessing are forgotten, or else all.
func (g *guesses) wrong(client netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.of[client]
	if l == nil {
		if len(g.of) >= guessers {
			for other, l := range g.of {
				if l.Tokens() >= guessBurst {
					delete(g.of, other)
				}
			}
		}
		if g.of == nil || len(g.of) >= guessers {
			g.of = make(map[netip.Addr]*rate.Limiter)
		}
		l = rate.NewLimiter(rate.Every(guessEvery), guessBurst)
		g.of[client] = l
	}
	return l.Allow()
}

// refuse answers with the error of an operation.
func refuse(w http.ResponseWriter, err error) (status int) {
	status = http.StatusInternalServerError
	if known, ok := errors.AsType[caddy.APIError](err); ok && known.HTTPStatus != 0 {
		status = known.HTTPStatus
	}
	inspector.Refuse(w, status, err.Error())
	return status
}
