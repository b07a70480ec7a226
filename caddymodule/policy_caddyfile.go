package caddymodule

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// policyLines are the lines that an endpoint and a forward have in common.
var policyLines = []subdirective[*Policy]{
	{name: "retry", read: func(p *Policy, d *caddyfile.Dispenser) (err error) {
		p.Retry = new(Retry)
		p.Retry.Off, err = retryBlock.readPart(p.Retry, d)
		return err
	}},
	{name: "circuit", read: func(p *Policy, d *caddyfile.Dispenser) (err error) {
		p.Circuit = new(Circuit)
		p.Circuit.Off, err = circuitBlock.readPart(p.Circuit, d)
		return err
	}},
	{name: "concurrency", read: func(p *Policy, d *caddyfile.Dispenser) error { return count(d, &p.Concurrency, 1) }},
	{name: "rate", read: func(p *Policy, d *caddyfile.Dispenser) (err error) { p.Rate, err = parseRate(d); return err }},
	{name: "sign_with", read: func(p *Policy, d *caddyfile.Dispenser) (err error) { p.SignWith, err = parseSignWith(d); return err }},
	{name: "order", read: func(p *Policy, d *caddyfile.Dispenser) (err error) { p.Order, err = parseOrder(d); return err }},
}

// retryBlock reads `retry { … }`.
var retryBlock = block[*Retry]{title: "retry: ", check: (*Retry).check, lines: []subdirective[*Retry]{
	{name: "age", read: func(r *Retry, d *caddyfile.Dispenser) error { return durationOrOff(d, &r.Age, -1) }},
	{name: "attempts", read: func(r *Retry, d *caddyfile.Dispenser) error { return countOrNone(d, &r.Attempts) }},
	{name: "backoff", read: func(r *Retry, d *caddyfile.Dispenser) (err error) { r.Backoff, err = parseBackoff(d); return err }},
	{name: "final", read: (*Retry).unmarshalFinal},
	{name: "retry_after", read: func(r *Retry, d *caddyfile.Dispenser) error { return durationOrOff(d, &r.RetryAfter, -1) }},
	{name: "timeout", read: func(r *Retry, d *caddyfile.Dispenser) error { return oneDuration(d, &r.Timeout) }},
}}

// circuitBlock reads `circuit { … }`.
var circuitBlock = block[*Circuit]{title: "circuit: ", check: (*Circuit).check, lines: []subdirective[*Circuit]{
	{name: "consecutive", read: func(c *Circuit, d *caddyfile.Dispenser) error { return countOrNone(d, &c.Consecutive) }},
	{name: "open", read: (*Circuit).unmarshalOpen},
	{name: "probes", read: func(c *Circuit, d *caddyfile.Dispenser) error { return count(d, &c.Probes, 1) }},
	{name: "share", read: (*Circuit).unmarshalShare},
	{name: "window", read: func(c *Circuit, d *caddyfile.Dispenser) error { return oneDuration(d, &c.Window) }},
}}

func (r *Retry) unmarshalFinal(d *caddyfile.Dispenser) error {
	r.Final = d.RemainingArgs()
	if len(r.Final) == 0 {
		return d.Err("which statuses are final? Write `final 410 4xx`, or `final none`")
	}
	if _, err := r.final(); err != nil {
		return d.Err(err.Error())
	}
	return nil
}

func parseBackoff(d *caddyfile.Dispenser) (*Backoff, error) {
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 3 {
		return nil, d.Err("write `backoff <base> [<factor> [<cap>]]`, such as `backoff 5s 2 1h`")
	}
	b := new(Backoff)
	if err := duration(d, args[0], &b.Base); err != nil {
		return nil, err
	}
	if len(args) > 1 {
		f, err := strconv.ParseFloat(args[1], 64)
		if err != nil || !(f >= 1 && f <= 100) {
			return nil, d.Errf("backoff factor %q is not a number from 1 to 100", args[1])
		}
		b.Factor = f
	}
	if len(args) > 2 {
		if err := duration(d, args[2], &b.Cap); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (c *Circuit) unmarshalShare(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 1 && args[0] == "off" {
		c.Share = -1
		return nil
	}
	if len(args) == 0 || len(args) > 2 {
		return d.Err("write `share <percent> [<attempts>]`, such as `share 50% 20`, or `share off`")
	}
	text, percent := strings.CutSuffix(args[0], "%")
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !percent || !(f > 0 && f <= 100) {
		return d.Errf("share %q is not a percentage such as 50%%: above 0%%, at most 100%%", args[0])
	}
	c.Share = f / 100
	if len(args) == 2 {
		if c.Minimum, err = strconv.Atoi(args[1]); err != nil || c.Minimum < 1 {
			return d.Errf("share of at least %q attempts: that is not a number from 1 on", args[1])
		}
	}
	return nil
}

func (c *Circuit) unmarshalOpen(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.Err("write `open <first pause> [<longest pause>]`, such as `open 5s 1m`")
	}
	if err := duration(d, args[0], &c.Open); err != nil || len(args) == 1 {
		return err
	}
	return duration(d, args[1], &c.OpenMax)
}

// units are the units of time in a rate.
var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

func parseRate(d *caddyfile.Dispenser) (*Rate, error) {
	args := d.RemainingArgs()
	if len(args) == 1 && args[0] == "off" {
		return &Rate{Off: true}, nil
	}
	if len(args) == 0 || len(args) > 2 {
		return nil, d.Err("write `rate <events>/<s|m|h> [<burst>]`, such as `rate 100/s 20`, or `rate off`")
	}
	number, unit, _ := strings.Cut(args[0], "/")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || units[unit] == 0 {
		return nil, d.Errf("rate %q is not a number of events in a second, a minute or an hour, such as 100/s, 30/m or 5/h", args[0])
	}
	r := &Rate{Events: n, Per: caddy.Duration(units[unit])}
	if len(args) == 2 {
		if r.Burst, err = strconv.Atoi(args[1]); err != nil || r.Burst < 1 {
			return nil, d.Errf("burst %q is not a number from 1 on", args[1])
		}
	}
	return r, nil
}

func parseSignWith(d *caddyfile.Dispenser) (*SignWith, error) {
	args := d.RemainingArgs()
	switch {
	case len(args) == 1 && args[0] == "off":
		return &SignWith{Off: true}, nil
	case len(args) == 0 || slices.Contains(args, ""):
		return nil, d.Err("sign_with needs a secret, such as {env.OUR_WEBHOOK_SECRET}; it may be followed by older ones")
	}
	return &SignWith{Secrets: args}, nil
}

func parseOrder(d *caddyfile.Dispenser) (*Order, error) {
	args := d.RemainingArgs()
	is := func(words ...string) bool {
		return len(args) == len(words) && slices.EqualFunc(args, words, func(a, w string) bool { return w == "" && a != "" || a == w })
	}
	switch {
	case len(args) == 0:
		return new(Order), nil
	case is("off"):
		return &Order{Off: true}, nil
	case is("by", "event_type"):
		return &Order{EventType: true}, nil
	case is("by", "json", ""):
		return &Order{JSON: args[2]}, nil
	case is("by", "header", ""):
		return &Order{Header: args[2]}, nil
	}
	return nil, d.Err("write `order` for one line of all events, or lines of their own with " +
		"`order by json <path>`, `order by header <name>` or `order by event_type`; or `order off`")
}

// unmarshalRedact reads one line of `redact header <name...>` or `redact json <path...>`.
func unmarshalRedact(d *caddyfile.Dispenser, to **Redact) error {
	if *to == nil {
		*to = new(Redact)
	}
	r, args := *to, d.RemainingArgs()
	if len(args) < 2 || slices.Contains(args, "") {
		return d.Err("write `redact header <name...>` or `redact json <path...>`")
	}
	switch args[0] {
	case "header":
		r.Headers = append(r.Headers, args[1:]...)
	case "json":
		r.JSON = append(r.JSON, args[1:]...)
	default:
		return d.Errf("redact %q: write header or json", args[0])
	}
	return nil
}

// age reads `<duration>` or `off`, which is 0.
func age(d *caddyfile.Dispenser, arg string) (*caddy.Duration, error) {
	a := new(caddy.Duration)
	if arg == "off" || arg == "0" {
		return a, nil
	}
	return a, duration(d, arg, a)
}

// duration reads a positive duration.
func duration(d *caddyfile.Dispenser, arg string, to *caddy.Duration) error {
	v, err := caddy.ParseDuration(arg)
	if err != nil || v <= 0 {
		return d.Errf("%q is not a positive duration such as 30s", arg)
	}
	*to = caddy.Duration(v)
	return nil
}

// oneDuration reads a line with a positive duration and nothing else.
func oneDuration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	var arg string
	if err := oneArg(d, &arg); err != nil {
		return err
	}
	return duration(d, arg, to)
}

// durationOrOff is oneDuration, but it also takes the word off.
func durationOrOff(d *caddyfile.Dispenser, to *caddy.Duration, off caddy.Duration) error {
	var arg string
	if err := oneArg(d, &arg); err != nil {
		return err
	}
	if arg == "off" {
		*to = off
		return nil
	}
	return duration(d, arg, to)
}

// count reads a line with a number of at least least.
func count(d *caddyfile.Dispenser, to *int, least int) error {
	name := d.Val()
	var arg string
	if err := oneArg(d, &arg); err != nil {
		return err
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < least {
		return d.Errf("%s %q is not a number from %d on", name, arg, least)
	}
	*to = n
	return nil
}

// countOrNone reads a number. It stores -1 for off and 0.
func countOrNone(d *caddyfile.Dispenser, to *int) error {
	name := d.Val()
	var arg string
	if err := oneArg(d, &arg); err != nil {
		return err
	}
	n, err := strconv.Atoi(arg)
	switch {
	case arg == "off", err == nil && n == 0:
		*to = -1
	case err != nil || n < 0:
		return d.Errf("%s %q is neither a number nor off", name, arg)
	default:
		*to = n
	}
	return nil
}
