package caddymodule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/dustin/go-humanize"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/verifiers"
)

// settings collects lines of a configuration as they are in force.
type settings []adminapi.Setting

// add adds a line unless its value is empty.
func (s *settings) add(name, value string) {
	if value != "" {
		*s = append(*s, adminapi.Setting{Name: name, Value: value})
	}
}

// settings returns the lines of an endpoint, defaults included. Of a secret they have the
// length, and the beginning that all secrets of the provider have.
func (h *Handler) settings() (s settings) {
	row := listingOf(h.row)
	s.add("provider", row.Name+", "+row.Title)
	s.add("scheme", row.Scheme)
	s.add("signed", row.Signed)
	if p := h.provider; p != nil {
		s.add("secret", secretsShown(p.secrets, h.row.Secret.Prefix))
		for _, o := range h.row.Options {
			value := p.given[o.Name]
			if o.Secret && value != "" {
				value = fmt.Sprintf("%d characters", len(value))
			}
			s.add(o.Name, value)
		}
	}
	s.add("public_url", h.PublicURL)
	s.add("methods", strings.Join(h.methods, ", "))
	s.add("tolerance", toleranceShown(h.freshness))
	s.add("dedupe", h.dedupeShown())
	s.add("max_body", humanize.IBytes(uint64(h.MaxBody)))
	s.add("max_in_flight", bytesShown(h.MaxInFlight))
	s.add("max_backlog", bytesShown(h.MaxBacklog))
	if h.Enrol {
		s.add("enrol", "on: anyone can register a secret")
	}
	s.add("refused", h.Refused)
	s.add("redact", redactShown(h.app.Redact, h.Redact))
	if len(h.Before) > 0 {
		s.add("before", handlersShown(h.Before))
	}
	return s
}

// settings returns the lines of a forward, with those of its endpoint and the defaults.
func (f *Forward) settings() (s settings) {
	s.add("to", handlersShown(f.Routes))
	s.add("on", strings.Join(f.On, " "))
	s.add("when", f.When)
	s.add("wait", span(time.Duration(f.Wait)))
	p := f.effective.queue().WithDefaults()
	s.add("concurrency", fmt.Sprint(p.Concurrency))
	s.add("timeout", limitShown(p.Timeout))
	retry := fmt.Sprintf("pauses from %s growing %g times to %s, for %s", span(p.Backoff.Base), p.Backoff.Factor, span(p.Backoff.Cap), limitShown(p.Backoff.MaxAge))
	switch {
	case p.Backoff.MaxAttempts == 1:
		retry = "off"
	case p.Backoff.MaxAttempts > 1:
		retry += fmt.Sprintf(", at most %d attempts", p.Backoff.MaxAttempts)
	}
	s.add("retry", retry)
	c := p.Circuit
	circuit := "off"
	if !c.Off {
		circuit = fmt.Sprintf("opens for %s to %s", span(c.Open), span(c.OpenMax))
		if c.Consecutive > 0 {
			circuit += fmt.Sprintf(", after %d failures in a row", c.Consecutive)
		}
		if c.Share > 0 {
			circuit += fmt.Sprintf(", or when %g of at least %d attempts in %s fail", c.Share, c.Minimum, span(c.Window))
		}
	}
	s.add("circuit", circuit)
	if p.Rate.Events > 0 {
		s.add("rate", fmt.Sprintf("%d in %s", p.Rate.Events, span(max(p.Rate.Per, time.Second))))
	}
	if o := f.effective.Order; o != nil && !o.Off {
		s.add("order", "by "+strings.ReplaceAll(o.rule(), "_", " "))
	}
	if f.resigner != nil {
		s.add("sign_with", fmt.Sprintf("standard-webhooks, %s", secretsShown(f.resigner.secrets, "whsec_")))
	}
	return s
}

// secretsShown says how many secrets there are and how long they are.
func secretsShown(secrets []string, prefix string) string {
	shown := make([]string, len(secrets))
	for i, secret := range secrets {
		if shown[i] = fmt.Sprintf("%d characters", len(secret)); prefix != "" && strings.HasPrefix(secret, prefix) {
			shown[i] += ", beginning with " + prefix
		}
	}
	return strings.Join(shown, "; ")
}

func toleranceShown(f verifiers.Freshness) string {
	t := f.Tolerance
	if f.Origin == "" {
		return "none: requests carry no time"
	}
	if t.Past == 0 {
		return "off"
	}
	return span(t.Past) + " past, " + span(t.Future) + " future"
}

func (h *Handler) dedupeShown() string {
	if h.window == 0 {
		return "off"
	}
	by := "by event ID"
	if h.rule.DigestOnly {
		by = "by digest of the content"
	}
	replays := "allow"
	if h.refuse {
		replays = "refuse"
	}
	return span(h.window) + " " + by + ", replays " + replays
}

// redactShown lists the names of hidden values.
func redactShown(all ...*Redact) string {
	var names []string
	for _, r := range all {
		if r != nil {
			for _, name := range r.Headers {
				names = append(names, "header "+name)
			}
			for _, path := range r.JSON {
				names = append(names, "json "+path)
			}
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// handlersShown names handlers, and the upstreams of proxies.
func handlersShown(routes caddyhttp.RouteList) string {
	var names []string
	for _, route := range routes {
		for _, h := range route.Handlers {
			switch h := h.(type) {
			case *caddyhttp.Subroute:
				names = append(names, handlersShown(h.Routes))
			case *reverseproxy.Handler:
				name := "reverse_proxy"
				for _, u := range h.Upstreams {
					name += " " + u.Dial
				}
				names = append(names, name)
			case caddy.Module:
				names = append(names, h.CaddyModule().ID.Name())
			}
		}
	}
	return strings.Join(names, ", ")
}

func bytesShown(n int64) string {
	if n <= 0 {
		return ""
	}
	return humanize.IBytes(uint64(n))
}

// limitShown is a limit of time; not positive: there is none.
func limitShown(d time.Duration) string {
	if d <= 0 {
		return "ever"
	}
	return span(d)
}
