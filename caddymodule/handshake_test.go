package caddymodule

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// signed makes a request such as the test rows verify.
func signed(path, secret, body string, header ...string) *http.Request {
	return post(path, body, append([]string{"X-Test-Signature", hexSum(secret, body)}, header...)...)
}

// other makes a request with another method and without a body.
func other(method, path string, header ...string) *http.Request {
	r := post(path, "", header...)
	r.Method = method
	r.Body, r.GetBody, r.ContentLength = nil, nil, 0
	return r
}

const withOptions = `webhook_gateway /o test-options {
	secret s3cret-one
	webhook_id wh_1
	verify_token first second
	account a_1
	forward %s
}
`

// TestHandshakes checks the answer to each kind of handshake. None becomes an event.
func TestHandshakes(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: fmt.Sprintf(withOptions, up.addr) + `
		webhook_gateway /slack slack {
			secret s3cret-slack
			forward ` + up.addr + `
		}
		webhook_gateway /through test-options {
			name through
			secret s3cret-one
			webhook_id wh_1
		}
		respond /through "the app"`})
	slackRequest := func(body string, header ...string) *http.Request {
		now := unix(time.Now())
		return post("/slack", body, append([]string{"X-Slack-Request-Timestamp", now,
			"X-Slack-Signature", "v0=" + hexSum("s3cret-slack", "v0:"+now+":"+body)}, header...)...)
	}
	challenge := `{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`
	for _, c := range []struct {
		name    string
		request *http.Request
		want    string
		header  string // name: value
	}{
		{"the right token", other("GET", "/o?mode=subscribe&token=second&challenge=115"), `200 "text/plain; charset=utf-8" "115"`, "X-Content-Type-Options: nosniff"},
		{"a wrong token", other("GET", "/o?mode=subscribe&token=wrong&challenge=115"), `403 "" ""`, ""},
		{"no token", other("GET", "/o?mode=subscribe&challenge=115"), `403 "" ""`, ""},
		{"no handshake", other("GET", "/o?challenge=115"), `405 "" ""`, "Allow: POST, GET, OPTIONS, HEAD"},
		{"a method that there is not", other("PUT", "/o"), `405 "" ""`, "Allow: POST, GET, OPTIONS, HEAD"},
		{"a method without handshakes", other("GET", "/slack?challenge=115"), `405 "" ""`, "Allow: POST"},
		{"HEAD", other("HEAD", "/o"), `200 "" ""`, ""},
		{"an origin", other("OPTIONS", "/o", "WebHook-Request-Origin", "events.example.com"), `200 "" ""`, "WebHook-Allowed-Origin: events.example.com"},
		{"a signed ping", signed("/o", "s3cret-one", `{"type":1,"echo":"\"<","account":"a_1"}`), `200 "application/json" "{\"type\":1,\"echo\":\"\\\"\\u003c\"}"`, ""},
		{"a forged ping", signed("/o", "wrong", `{"type":1,"echo":"x","account":"a_1"}`), `401 "" ""`, ""},
		{"a signed challenge", slackRequest(challenge), `200 "text/plain; charset=utf-8" "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"`, "X-Content-Type-Options: nosniff"},
		{"the same once more", slackRequest(challenge), `200 "text/plain; charset=utf-8" "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"`, ""},
		{"a forged challenge", post("/slack", challenge, "X-Slack-Request-Timestamp", unix(time.Now()), "X-Slack-Signature", "v0="+strings.Repeat("0", 64)), `401 "" ""`, ""},
		{"an unsigned form", post("/slack", "ssl_check=1&token=x", "Content-Type", "application/x-www-form-urlencoded"), `200 "" ""`, ""},
		{"without forward", other("HEAD", "/through"), `200 "" ""`, ""},
	} {
		a := g.send(c.request)
		if got := a.String(); got != c.want {
			t.Errorf("%s: answered %s, want %s", c.name, got, c.want)
		}
		if name, value, ok := strings.Cut(c.header, ": "); ok && a.header.Get(name) != value {
			t.Errorf("%s: %s: %q, want %q", c.name, name, a.header.Get(name), value)
		}
	}
	g.drained()
	up.nothing()

	metrics := gather(t)
	for name, want := range map[string]float64{
		"handshakes_total endpoint=test-options handshake=subscription":        1,
		"handshakes_denied_total endpoint=test-options handshake=subscription": 2,
		"handshakes_total endpoint=test-options handshake=ping":                1,
		"handshakes_total endpoint=test-options handshake=reachable":           1,
		"handshakes_total endpoint=through handshake=reachable":                1,
	} {
		if got := metrics["caddy_webhook_gateway_"+name]; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	g.logs.await(t, `"level":"info"`, "handshake answered", `"handshake":"url_verification"`)
	g.logs.await(t, `"level":"warn"`, "handshake refused", `"handshake":"subscription"`)
	for _, secret := range []string{"s3cret", "3eZbrw", "second"} {
		if found := g.logs.lines("handshake", secret); found != nil {
			t.Errorf("the log shows %s: %s", secret, found[0])
		}
	}
}

// TestProvidersHandshakes asks endpoints of real providers, one of each kind, as
// their documents say that they ask.
func TestProvidersHandshakes(t *testing.T) {
	up := newUpstream(t)
	var site strings.Builder
	for provider, lines := range map[string]string{
		"meta": "verify_token t0ken", "x": "", "azure-event-grid": "", "zoom": "", "dropbox": "", "trello": "public_url https://hooks.example.com/trello",
		"okta": "", "discord": "",
	} {
		key := "s3cret-" + provider
		if provider == "discord" {
			key = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025" // of RFC 8032
		}
		fmt.Fprintf(&site, "webhook_gateway /%s %s {\n\tsecret %s\n\t%s\n\tforward %s\n}\n", provider, provider, key, lines, up.addr)
	}
	g := start(t, setup{site: site.String()})
	now := unix(time.Now())
	zoom := `{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`
	validation := `[{"id":"1","topic":"/t","subject":"","data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"},` +
		`"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","eventTime":"2026-01-15T10:30:00Z"}]`
	for _, c := range []struct {
		name    string
		request *http.Request
		want    string
	}{
		{"meta", other("GET", "/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=t0ken"), `200 "text/plain; charset=utf-8" "1158201444"`},
		{"meta, wrong token", other("GET", "/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=s3cret-meta"), `403 "" ""`},
		{"x", other("GET", "/x?crc_token=challenge_string&nonce=1"), `200 "application/json" "{\"response_token\":\"sha256=` + base64Sum("s3cret-x", "challenge_string") + `\"}"`},
		{"x, an event to be signed", other("GET", "/x?crc_token=%7B%22forged%22%3A1%7D"), `403 "" ""`},
		{
			"zoom", post("/zoom", zoom, "x-zm-request-timestamp", now, "x-zm-signature", "v0="+hexSum("s3cret-zoom", "v0:"+now+":"+zoom)),
			`200 "application/json" "{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\",\"encryptedToken\":\"` + hexSum("s3cret-zoom", "qgg8vlvZRS6UYooatFL8Aw") + `\"}"`,
		},
		{"zoom, unsigned", post("/zoom", zoom, "x-zm-request-timestamp", now, "x-zm-signature", "v0="+strings.Repeat("0", 64)), `401 "" ""`},
		{"dropbox", other("GET", "/dropbox?challenge=abc_123"), `200 "text/plain; charset=utf-8" "abc_123"`},
		{"trello", other("HEAD", "/trello"), `200 "" ""`},
		{"okta", other("GET", "/okta", "X-Okta-Verification-Challenge", "dGhpcyBpcyBhIGNoYWxsZW5nZQ"), `200 "application/json" "{\"verification\":\"dGhpcyBpcyBhIGNoYWxsZW5nZQ\"}"`},
		{"discord, a bad signature on purpose", post("/discord", `{"type":0}`, "X-Signature-Ed25519", strings.Repeat("00", 64), "X-Signature-Timestamp", now), `401 "" ""`},
		{
			"event grid", post("/azure-event-grid?secret=s3cret-azure-event-grid", validation, "aeg-event-type", "SubscriptionValidation"),
			`200 "application/json" "{\"validationResponse\":\"512d38b6-c7b8-40c8-89fe-f46f9e9622b6\"}"`,
		},
		{"event grid, CloudEvents", other("OPTIONS", "/azure-event-grid?secret=s3cret-azure-event-grid", "WebHook-Request-Origin", "eventgrid.azure.net"), `200 "" ""`},
		{"event grid, a wrong secret", other("OPTIONS", "/azure-event-grid?secret=wrong", "WebHook-Request-Origin", "eventgrid.azure.net"), `401 "" ""`},
		{"event grid, no handshake", other("OPTIONS", "/azure-event-grid?secret=s3cret-azure-event-grid"), `405 "" ""`},
	} {
		if got := g.send(c.request).String(); got != c.want {
			t.Errorf("%s: answered %s, want %s", c.name, got, c.want)
		}
	}
	g.drained()
	up.nothing()
}

// TestEventsBesideHandshakes: other requests are events, and their upstream gets the
// names of the signed fields.
func TestEventsBesideHandshakes(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: fmt.Sprintf(withOptions, up.addr) + `
		webhook_gateway /p test-unconfirmed {
			secret s3cret-one
		}
		respond /p "signed: {http.webhook_gateway.signed}"`})
	g.expect(200, signed("/o", "s3cret-one", `{"id":"1","type":2,"account":"a_1"}`, "X-Test-Type", "t", "Webhook-Gateway-Signed", "url"))
	if got := up.next().Header["Webhook-Gateway-Signed"]; !slices.Equal(got, []string{"id body"}) {
		t.Errorf("Webhook-Gateway-Signed: %q", got)
	}
	g.expect(401, signed("/o", "s3cret-one", `{"id":"2","type":1,"account":"a_2"}`)) // somebody else's
	if a := g.send(signed("/p", "s3cret-one", `{"id":"3"}`)); a.body != "signed: id body" {
		t.Errorf("the placeholder: %v", a)
	}
	up.nothing()
}

// TestEnrolment: an endpoint learns a secret while it is told to, at no other
// time, and does not forget it.
func TestEnrolment(t *testing.T) {
	up := newUpstream(t)
	site := func(line string) string {
		return "webhook_gateway /l test-learning {\n" + line + "\nforward " + up.addr + "\n}"
	}
	const one, two = "b537207f20cbfa02357cf448134da559", "0f9a8c6d2f1e4b7a"
	s := setup{store: "pebble " + t.TempDir(), site: site("")}
	g := start(t, s)
	hand := func(secret string) reply { return g.send(post("/l", "", "X-Hook-Secret", secret)) }
	id := 0
	event := func(want int, secret string) {
		t.Helper()
		id++
		g.expect(want, signed("/l", secret, fmt.Sprintf(`{"id":"%d"}`, id)))
		if want == 200 {
			up.next()
		}
		up.nothing()
	}

	event(401, one)
	if a := hand(one); a.status != 403 || a.header.Get("X-Hook-Secret") != "" {
		t.Errorf("enrolled without being told to: %v", a)
	}
	g.logs.await(t, "handshake refused", "does not say `enrol`")
	event(401, one)

	g.load(site("enrol"))
	for range 2 {
		if a := hand(one); a.status != 200 || a.header.Get("X-Hook-Secret") != one {
			t.Errorf("enrolling: %v", a)
		}
		event(200, one)
	}
	event(401, two)
	for _, bad := range []string{"short", strings.Repeat("a", 1025), "with space in it"} {
		if a := hand(bad); a.status != 403 {
			t.Errorf("%.20q is taken for a secret", bad)
		}
	}

	g.load(site(""))
	if a := hand(two); a.status != 403 {
		t.Errorf("enrolled after `enrol` was taken off: %v", a)
	}
	event(401, two)
	event(200, one)
	g.load(site("secret " + two))
	event(200, one)
	event(200, two)

	g.stop()
	g = start(t, s)
	event(200, one)
	event(401, two)
	for _, secret := range []string{one, two} {
		if found := g.logs.lines(secret); found != nil {
			t.Errorf("the log shows a secret: %s", found[0])
		}
	}
}

// callee is a key source that notes the requested URLs.
type callee struct {
	mu    sync.Mutex
	urls  []string
	fails error
}

func (c *callee) Fetch(_ context.Context, r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.urls = append(c.urls, r.URL)
	if len(r.Pin) == 0 {
		return verifiers.KeyDocument{}, errors.New("nothing pins it")
	}
	return verifiers.KeyDocument{Version: 1}, c.fails
}

// useKeySource replaces the source of keys for one test.
func useKeySource(t *testing.T, s verifiers.KeySource) {
	before := keySources
	keySources.public = func() verifiers.KeySource { return s }
	t.Cleanup(func() { keySources = before })
}

// TestConfirmation: a confirmation is called once it is verified, where the
// provider's row allows, and before the answer.
func TestConfirmation(t *testing.T) {
	c := new(callee)
	useKeySource(t, c)
	up := newUpstream(t)
	g := start(t, setup{site: "webhook_gateway /c test-confirming {\nsecret s3cret-one\nforward " + up.addr + "\n}"})
	body := `{"type":"confirm","url":"https://sns.example.com/?Action=Confirm&Token=t0ken"}`
	g.expect(401, signed("/c", "wrong", body))
	if len(c.urls) != 0 {
		t.Fatalf("called for a forged request: %q", c.urls)
	}
	g.expect(200, signed("/c", "s3cret-one", body))
	if !slices.Equal(c.urls, []string{"https://sns.example.com/?Action=Confirm&Token=t0ken"}) {
		t.Errorf("called %q", c.urls)
	}
	for _, url := range []string{"http://sns.example.com/", "https://sns.example.com.evil.example/", "https://evil.example/?https://sns.example.com/"} {
		g.expect(403, signed("/c", "s3cret-one", `{"type":"confirm","url":"`+url+`"}`))
	}
	if len(c.urls) != 1 {
		t.Errorf("called %q", c.urls)
	}
	c.fails = errors.New("no answer")
	if a := g.expect(503, signed("/c", "s3cret-one", body)); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if found := g.logs.lines("t0ken"); found != nil {
		t.Errorf("the log shows the token: %s", found[0])
	}
	up.nothing()
}

// fetchingScheme is signed for with a key that has to be fetched.
type fetchingScheme struct {
	verifiers.Facts
	source verifiers.KeySource
}

func (f fetchingScheme) WithKeySource(s verifiers.KeySource) verifiers.Scheme {
	f.source = s
	return f
}

func (f fetchingScheme) Verifier(...string) (verifiers.Verifier, error) { return f, nil }

func (f fetchingScheme) Verify(ctx context.Context, r *verifiers.Request) (verifiers.Event, error) {
	key, err := f.source.Fetch(ctx, verifiers.KeyRequest{URL: "https://keys.example.com/", Pin: []string{"x"}})
	if err != nil {
		return verifiers.Event{}, err
	}
	if !hmac.Equal(sum(string(key.Body), string(r.Body)), []byte(r.Header.Get("X-Test-Signature"))) {
		return verifiers.Event{}, verifiers.WrongSignature
	}
	return verifiers.Event{}, nil
}

// TestUnavailableKey: a key that cannot be fetched is not the sender's fault.
func TestUnavailableKey(t *testing.T) {
	c := &callee{fails: fmt.Errorf("%w: no answer", verifiers.UnavailableKey)}
	useKeySource(t, c)
	g := start(t, setup{site: "webhook_gateway /f test-optional\nrespond 200"})
	a := g.expect(503, post("/f", "{}"))
	if a.header.Get("Retry-After") == "" || a.body != "" {
		t.Errorf("answered %v with %v", a, a.header)
	}
	if n := counted(t, "test-optional")["unavailable"]; n != 1 {
		t.Errorf("%v counted as unavailable", n)
	}
	c.fails = nil
	g.expect(401, post("/f", "{}"))
}

// TestRowWarnings: the warnings about a row are logged once, at the start.
func TestRowWarnings(t *testing.T) {
	g := start(t, setup{site: `
		webhook_gateway /u test-unconfirmed {
			secret s3cret-one
		}
		webhook_gateway /o test-options {
			secret s3cret-one
			webhook_id wh_1
		}
		webhook_gateway /h hmac {
			signature header X-Sig
			secret s3cret-one "s3cret-two " "'s3cret-three'"
		}
		respond 404`})
	if n := len(g.logs.lines(`"level":"warn"`, "unconfirmed", `"provider":"test-unconfirmed"`)); n != 1 {
		t.Errorf("%d warnings of an unconfirmed provider", n)
	}
	if n := len(g.logs.lines(`"level":"warn"`, "signing is unconfirmed")); n != 1 {
		t.Errorf("%d warnings in all", n)
	}
	g.logs.await(t, `"level":"warn"`, "for whom it has to be with `account`", `"endpoint":"test-options"`)
	g.logs.await(t, `"level":"warn"`, "white space around it", `"endpoint":"hmac"`, `"secret":2`)
	g.logs.await(t, `"level":"warn"`, "quotation marks around it", `"endpoint":"hmac"`, `"secret":3`)
	if n := len(g.logs.lines("s3cret")); n != 0 {
		t.Errorf("%d lines with a secret", n)
	}
}
