package caddymodule

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/hookwicket/hookwicket/queue"
)

// charge makes a signed event of a type with further members of its body.
func charge(g *gateway, id, kind, more string) (body string) {
	body = fmt.Sprintf(`{"id":%q,"type":%q%s}`, id, kind, more)
	g.expect(200, by("stripe").with(g, body, time.Now(), id))
	return body
}

// routed makes an endpoint with a forward for each condition, named f0, f1 and so on. Its
// upstream shows to which of them an event goes.
func routed(t *testing.T, conditions ...string) (g *gateway, send func(kind, more string) string) {
	up := newUpstream(t)
	var lines strings.Builder
	for i, c := range conditions {
		fmt.Fprintf(&lines, "forward %s {\n as f%d\n %s\n}\n", up.addr, i, c)
	}
	g = start(t, setup{site: "request_header X-Tier gold\n" + by("stripe").directive(lines.String())})
	n := 0
	return g, func(kind, more string) string {
		n++
		charge(g, fmt.Sprint("evt_", n), kind, more)
		g.drained()
		to := make([]string, len(conditions))
		for range len(up.got) {
			r := up.next()
			var i int
			if _, err := fmt.Sscanf(r.Header.Get("Webhook-Gateway-Forward"), "f%d", &i); err != nil {
				t.Fatal(err)
			}
			to[i] = fmt.Sprint("f", i)
		}
		return strings.TrimSpace(strings.Join(strings.Fields(strings.Join(to, " ")), " "))
	}
}

func TestRoutingByType(t *testing.T) {
	_, send := routed(t, "", "on payment.* refund.created", "on payment.*\n on invoice.paid\n when {json.livemode} == true")
	for _, c := range []struct{ kind, more, want string }{
		{"payment.created", `,"livemode":true`, "f0 f1 f2"},
		{"payment.created", `,"livemode":false`, "f0 f1"},
		{"refund.created", `,"livemode":true`, "f0 f1"},
		{"refund.updated", ``, "f0"},
		{"invoice.paid", `,"livemode":true`, "f0 f2"},
		{"", ``, "f0"},
	} {
		if got := send(c.kind, c.more); got != c.want {
			t.Errorf("%s%s went to %q, want %q", c.kind, c.more, got, c.want)
		}
	}
}

// TestRoutingNegated has the expression that the error of a negated pattern names.
func TestRoutingNegated(t *testing.T) {
	_, expression, _ := strings.Cut(negatedOn, "`when ")
	_, send := routed(t, "when "+strings.TrimSuffix(expression, "`"))
	for kind, want := range map[string]string{"payment.created": "", "refund.created": "f0", "": "f0"} {
		if got := send(kind, ""); got != want {
			t.Errorf("%q went to %q, want %q", kind, got, want)
		}
	}
}

// TestRoutingByExpression: values of the body have types, and matchers see the
// request as it came.
func TestRoutingByExpression(t *testing.T) {
	_, send := routed(t,
		"when `{json.amount} > 100 && path('/str*')`",
		"when `{json.customer.name} == 'Müller\\n' || {json.tags.1} in ['b', 'c']`",
		"when `header({'X-Tier': 'gold'}) && {http.webhook_gateway.event_type}.startsWith('refund')`",
		"when `{json.amount} == null || {json.amount} == 7`",
		"when `{json.amount} > 100.0 && {json.amount} != 101`",
		"when `{http.request.body}.contains('needle')`",
		"when `{json.name} != null && size({json.name}) > 2000`",
		"when `{json.items.#} == 3 && {json.items.#.sku}.contains('y z') && {http.webhook_gateway.json.items.#(n==1).sku} == 'x'`",
		"when `{json.two words} == true`",
	)
	for _, c := range []struct{ kind, more, want string }{
		{"charge", `,"amount":101`, "f0"},
		{"charge", `,"amount":7`, "f3"},
		{"charge", `,"amount":7.0`, "f3"},
		{"charge", `,"amount":null`, "f0 f3 f4"}, // null > 100 cannot be evaluated
		{"charge", `,"amount":100`, ""},
		{"charge", `,"amount":100.5`, "f0 f4"},
		{"charge", `,"amount":1e3`, "f0 f4"},
		{"charge", `,"amount":12345678901234567890`, "f0 f4"},
		{"charge", `,"amount":0,"customer":{"name":"Müller\n"}`, "f1"},
		{"charge", `,"amount":0,"tags":["a","b"]`, "f1"},
		{"refund.created", `,"amount":0`, "f2"},
		{"charge", `,"amount":0,"note":"a needle"`, "f5"},
		{"charge", `,"amount":0,"name":"` + strings.Repeat("n", 2001) + `"`, "f6"},
		{"charge", `,"amount":0,"items":[{"sku":"x","n":1},{"sku":"y z"},{}]`, "f7"},
		{"charge", `,"amount":0,"two words":true`, "f8"},
	} {
		if got := send(c.kind, c.more); got != c.want {
			t.Errorf("%s%.60s went to %q, want %q", c.kind, c.more, got, c.want)
		}
	}
}

// TestRoutingFails: an expression that fails costs no event, and the log says why it
// failed. Usually the event lacks the compared value.
func TestRoutingFails(t *testing.T) {
	g, send := routed(t,
		"when `{json.amount} > 100`",
		"when `{json.amount} != null && {json.amount} > 100`",
		"on refund.*\n when `{json.amount} > 100`",
	)
	for _, c := range []struct{ more, want string }{
		{`,"amount":1`, ""},
		{``, "f0"},
		{`,"amount":null`, "f0"},
		{`,"amount":"1000"`, "f0 f1"},
	} {
		if got := send("charge", c.more); got != c.want {
			t.Errorf("%s went to %q, want %q", c.more, got, c.want)
		}
	}
	if lines := g.logs.lines("could not be evaluated", `forward \"f0\"`, "no such overload", `"event_id":"evt_2"`); len(lines) != 1 {
		t.Errorf("%d lines tell of the event without an amount", len(lines))
	}
}

// TestUnrouted: an event that matches no forward is accepted once, kept and counted.
func TestUnrouted(t *testing.T) {
	up := newUpstream(t)
	site := func(on string) string {
		return by("stripe").directive("name unrouted\n forward " + up.addr + " {\n on " + on + "\n as x\n}")
	}
	g := start(t, setup{site: site("payment.*")})
	before := gather(t)
	body := charge(g, "evt_1", "refund.created", "")
	g.expect(200, by("stripe").with(g, body, time.Now(), ""))
	line := g.logs.await(t, "matches no forward", `"event_id":"evt_1"`)
	for name, want := range map[string]float64{
		"unrouted_total endpoint=unrouted":                           1,
		"requests_total endpoint=unrouted outcome=accepted reason=":  1,
		"requests_total endpoint=unrouted outcome=duplicate reason=": 1,
	} {
		name = "caddy_webhook_gateway_" + name
		if got := gather(t)[name] - before[name]; got != want {
			t.Errorf("%s grew by %v, want %v", name, got, want)
		}
	}
	if lines := g.logs.lines("matches no forward"); len(lines) != 1 {
		t.Errorf("%d lines, for a duplicate, too", len(lines))
	}

	// It is there, and goes where the routing of a later configuration sends it.
	id := regexp.MustCompile(`"message_id":"([^"]+)"`).FindStringSubmatch(line)[1]
	store := g.open().store.(queue.Inspector)
	found, err := store.Look(t.Context(), uuid.MustParse(id))
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Deliveries) != 1 || found.Deliveries[0].State != queue.StateUnrouted || string(found.Message.Body) != body {
		t.Errorf("kept as %+v", found)
	}
	h := endpoint(t, "unrouted")
	if routes, err := h.routeStored(t.Context(), found.Message); err != nil || len(routes) != 0 {
		t.Errorf("routed to %v (%v)", routes, err)
	}
	g.load(site("refund.*"))
	h = endpoint(t, "unrouted")
	routes, err := h.routeStored(t.Context(), found.Message)
	if err != nil || len(routes) != 1 || routes[0].Destination != queue.ParseDestination("unrouted/x") {
		t.Fatalf("routed to %v (%v)", routes, err)
	}
	up.nothing()
	if err := store.Redeliver(t.Context(), found.ID, routes[0]); err != nil {
		t.Fatal(err)
	}
	if r := up.next(); string(r.body) != body || r.Header.Get("Webhook-Gateway-Forward") != "x" {
		t.Errorf("delivered %q with %v", r.body, r.Header)
	}
	g.drained()
}
