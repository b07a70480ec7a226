package caddymodule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// TestTestEvent: a test event is signed inside the process, goes the way of every event
// and is marked. The answer has neither the secret nor the signature.
func TestTestEvent(t *testing.T) {
	up := newUpstream(t)
	site := ""
	for _, s := range theSenders {
		site += s.directive("forward " + up.addr)
	}
	g, c := startAdmin(t, setup{site: site + "webhook_gateway /kept hmac {\nname kept\nsecret kept-secret\nhash sha256\nsignature header X-Sig\nsigned {body}\nevent_id json id\nkeep\n}\n" +
		"webhook_gateway /passed github {\nname passed\nsecret x\n}\nrespond /passed 200\n" +
		"webhook_gateway /elsewhere square {\nname elsewhere\nsecret square-secret\npublic_url https://hooks.example.com/in?a=b\nforward " + up.addr + "\n}\n"})
	try := func(name string, ask adminapi.TestAsk) adminapi.Tested {
		t.Helper()
		return get[adminapi.Tested](c, "POST", "/endpoints/"+name+"/test", ask)
	}
	for _, s := range theSenders {
		a := try(s.slug, adminapi.TestAsk{})
		if a.Outcome != "accepted" || a.MessageID == "" || len(a.Destinations) != 1 || a.Destinations[0] != s.slug {
			t.Errorf("%s: %+v", s.slug, a)
			continue
		}
		got := up.next()
		for got.Header.Get("Webhook-Gateway-Message-Id") != a.MessageID {
			got = up.next()
		}
		if got.Header.Get(testHeader) != "1" {
			t.Errorf("%s: %v", s.slug, got.Header)
		}
		if b := try(s.slug, adminapi.TestAsk{}); b.Outcome != "accepted" {
			t.Errorf("%s: a second one: %+v", s.slug, b)
		}
	}
	if a := try("elsewhere", adminapi.TestAsk{}); a.Outcome != "accepted" {
		t.Errorf("with a public URL: %+v", a)
	}
	if a := try("stripe", adminapi.TestAsk{ID: "evt_mine", Type: "invoice.paid"}); a.EventID != "evt_mine" || a.EventType != "invoice.paid" {
		t.Errorf("of a type: %+v", a)
	}
	if a := try("stripe", adminapi.TestAsk{ID: "evt_mine"}); a.Outcome != queue.Duplicate.String() || a.MessageID != "" {
		t.Errorf("once more: %+v", a)
	}
	if a := try("kept", adminapi.TestAsk{}); a.Outcome != "accepted" || len(a.Destinations) > 0 {
		t.Errorf("kept: %+v", a)
	}
	c.refused(422, "POST", "/endpoints/passed/test", adminapi.TestAsk{}, "no forward", "send --to")
	c.refused(404, "POST", "/endpoints/strip/test", adminapi.TestAsk{}, "did you mean stripe?")
	g.logs.await(t, "a person has made a test event", `"endpoint":"stripe"`, `"outcome":"accepted"`)

	// A sender cannot mark its own events.
	r := by("stripe").request(g, "evt_genuine", time.Now())
	r.Header.Set(testHeader, "1")
	g.expect(200, r)
	for {
		if got := up.next(); strings.Contains(string(got.body), "evt_genuine") {
			if got.Header.Get(testHeader) != "" {
				t.Error("a sender has marked its event as a test")
			}
			return
		}
	}
}

// TestSettings: the lines in force are shown with their defaults. No secret is.
func TestSettings(t *testing.T) {
	const paired = "the-key-of-the-test"
	g, c := startAdmin(t, setup{site: `webhook_gateway /stripe stripe {
	secret whsec_0123456789abcdef another-secret
	tolerance 10m
	public_url https://hooks.example.com/stripe
	redact json data.card
	max_backlog 1MiB
	forward {
		as billing
		on charge.*
		when {json.livemode} == true
		concurrency 7
		order by json data.id
		rate 5/s
		sign_with whsec_c2lnbi13aXRoLXNlY3JldC1vZi10aGUtZ2F0ZXdheQ==
		retry {
			attempts 3
		}
		reverse_proxy app:8080 app:8081
	}
	forward {
		as log
		circuit off
		respond 200
	}
}
webhook_gateway /options test-options {
	name options
	secret options-secret
	webhook_id wh_1
	verify_token ` + paired + `
	key k1
	account 17
	keep
}
`})
	defer g.stop()
	shown := make(map[string]map[string]string)
	body := ""
	for _, name := range []string{"stripe", "options"} {
		body += c.call(200, "GET", "/endpoints/"+name, nil)
		e := get[adminapi.Endpoint](c, "GET", "/endpoints/"+name, nil)
		note := func(of string, settings []adminapi.Setting) {
			shown[of] = make(map[string]string)
			for _, s := range settings {
				shown[of][s.Name] = s.Value
			}
		}
		note(name, e.Settings)
		for _, f := range e.Forwards {
			note(f.Destination, f.Settings)
		}
	}
	for of, lines := range map[string]map[string]string{
		"stripe": {
			"provider": "stripe, Stripe", "secret": "22 characters, beginning with whsec_; 14 characters", "tolerance": "10m past, 5m future",
			"public_url": "https://hooks.example.com/stripe", "redact": "json data.card", "max_backlog": "1.0 MiB", "methods": "POST",
		},
		"stripe/billing": {
			"to": "reverse_proxy app:8080 app:8081", "on": "charge.*", "concurrency": "7", "timeout": "30s", "rate": "5 in 1s",
			"retry": "pauses from 5s growing 2 times to 1h, for 72h, at most 3 attempts", "order": "by json data.id",
			"circuit": "opens for 5s to 1m, after 10 failures in a row, or when 0.5 of at least 20 attempts in 1m fail",
		},
		"stripe/log": {"circuit": "off", "concurrency": "64"},
		"options":    {"webhook_id": "wh_1", "verify_token": fmt.Sprint(len(paired), " characters"), "secret": "14 characters"},
	} {
		for name, want := range lines {
			if got := shown[of][name]; got != want {
				t.Errorf("%s: %s is %q, want %q", of, name, got, want)
			}
		}
	}
	for _, secret := range []string{"0123456789abcdef", "another-secret", "options-secret", paired, "c2lnbi13"} {
		if strings.Contains(body, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	if list := get[adminapi.Endpoints](c, "GET", "/endpoints", nil); len(list.Endpoints[0].Settings) > 0 {
		t.Error("lists have settings")
	}
}
