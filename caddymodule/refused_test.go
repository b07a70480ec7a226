package caddymodule

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/refused"
)

// refusedOf lists the refused requests.
func refusedOf(c *apiTester, query string) []adminapi.RefusedEntry {
	c.t.Helper()
	return get[adminapi.RefusedList](c, "GET", "/refused"+query, nil).Refused
}

// refusals tries each operation on refused requests.
func (c *apiTester) refusals(g *gateway, s sender) {
	c.t.Helper()
	forged := post("/"+s.slug, "forged", s.sign("", "something else", time.Now(), "evt_1")...)
	id := g.expect(401, forged).header.Get("Webhook-Gateway-Refused")
	if list := refusedOf(c, ""); len(list) != 1 || list[0].ID.String() != id {
		c.t.Errorf("%+v, and not %s", list, id)
	}
	get[adminapi.RefusedRequest](c, "GET", "/refused/"+id, nil)
	c.call(200, "GET", "/refused/"+id+"/wire", nil)
	c.refused(422, "POST", "/refused/"+id+"/accept", nil, "still refused")
	get[adminapi.Done](c, "POST", "/refused/accept", adminapi.RefusedBulk{})
	get[adminapi.Cleared](c, "DELETE", "/refused", nil)
}

// TestRefused: an endpoint has another secret than its sender. Its requests are refused
// and kept. After the secret is mended they are accepted after all, each once.
func TestRefused(t *testing.T) {
	app := newUpstream(t)
	s := by("github")
	right := s.directive("forward " + app.addr)
	g, c := startAdmin(t, setup{site: strings.Replace(right, s.secret, "another-secret", 1)})

	first := s.request(g, "one", time.Now())
	answer := g.expect(401, first)
	id := answer.header.Get("Webhook-Gateway-Refused")
	for range 2 {
		if again := g.expect(401, s.request(g, "one", time.Now())).header.Get("Webhook-Gateway-Refused"); again != id {
			t.Errorf("the answer to a retry names %q and not %q", again, id)
		}
	}
	g.expect(401, s.request(g, "two", time.Now()))
	g.expect(401, s.request(g, "three", time.Now()))
	g.expect(401, post("/github", "nothing", "X-Hub-Signature-256", "sha256="+hexSum("a forger's", "nothing")))

	list := refusedOf(c, "?endpoint=github&reason=wrong_signature&client=127.0.0.0/8&since=1m")
	if len(list) != 4 {
		t.Fatalf("%d entries: %+v", len(list), list)
	}
	e := list[3]
	if e.ID.String() != id || e.Times != 3 || e.Status != 401 || e.Method != "POST" || e.URI != "/github" || e.ClientIP != "127.0.0.1" ||
		e.Size != int64(len(s.body("one", time.Now()))) || e.Observed || e.JudgedAgain.Verified || e.JudgedAgain.Reason != "wrong_signature" {
		t.Errorf("%+v, judged again %+v", e, e.JudgedAgain)
	}
	one := get[adminapi.RefusedRequest](c, "GET", "/refused/"+id, nil)
	if one.Request.Body != s.body("one", time.Now()) || one.EventID != "one" || one.EventType != "push" || len(one.Causes) == 0 || len(one.Steps) == 0 {
		t.Errorf("%+v, %+v", one, one.Request)
	}
	c.refused(422, "POST", "/refused/"+id+"/accept", nil, "still refused", "wrong_signature")
	if d := get[adminapi.Done](c, "POST", "/refused/accept", adminapi.RefusedBulk{}); d.Matched != 4 || d.Changed != 0 || d.SkippedBy["wrong_signature"] != 4 {
		t.Errorf("before the secret is mended: %+v", d)
	}
	if lately := get[adminapi.Endpoint](c, "GET", "/endpoints/github", nil).Requests.RefusedLately["wrong_signature"]; lately < 6 {
		t.Errorf("%d in the last hour", lately)
	}
	g.logs.await(t, "request refused", id)
	app.nothing()

	g.load(right) // the ring outlives the configuration
	if list := refusedOf(c, "?endpoint=github"); len(list) != 4 || !list[3].JudgedAgain.Verified || list[0].JudgedAgain.Verified {
		t.Fatalf("after the secret was mended: %+v", list)
	}
	// The sender repeats one of them itself before anybody accepts it.
	g.expect(200, s.request(g, "two", time.Now()))
	app.next()
	accepted := get[adminapi.AcceptedAgain](c, "POST", "/refused/"+id+"/accept", nil)
	got := app.next()
	if accepted.Outcome != "accepted" || string(got.body) != s.body("one", time.Now()) || got.Header.Get("X-Github-Delivery") != "one" ||
		got.Header.Get("Webhook-Gateway-Refused") != id || got.Header.Get("Webhook-Gateway-Message-Id") != accepted.MessageID {
		t.Errorf("%+v, and the app got %s %v", accepted, got.body, got.Header)
	}
	if m := get[adminapi.Message](c, "GET", "/messages/"+accepted.MessageID, nil); m.EventID != "one" || m.Signed == "" || m.Request.ClientIP != "127.0.0.1" {
		t.Errorf("%+v", m)
	}
	if twice := get[adminapi.AcceptedAgain](c, "POST", "/refused/"+id+"/accept", nil); twice.Outcome != "duplicate" || twice.MessageID != "" {
		t.Errorf("the second time: %+v", twice)
	}
	g.expect(200, s.request(g, "one", time.Now())) // nor does the sender's retry get through

	bulk := adminapi.RefusedBulk{Filter: adminapi.RefusedFilter{Endpoint: "github"}, Limit: 3}
	d := get[adminapi.Done](c, "POST", "/refused/accept", bulk)
	if d.Matched != 3 || d.Changed != 1 || d.SkippedBy["duplicate"] != 2 || d.Next == "" {
		t.Errorf("the first chunk: %+v", d)
	}
	bulk.After = string(d.Next)
	if d = get[adminapi.Done](c, "POST", "/refused/accept", bulk); d.Matched != 1 || d.SkippedBy["wrong_signature"] != 1 || d.Next != "" {
		t.Errorf("the second chunk: %+v", d)
	}
	if got := app.next(); string(got.body) != s.body("three", time.Now()) {
		t.Errorf("the app got %s", got.body)
	}
	g.drained()
	app.nothing()

	page := get[adminapi.RefusedList](c, "GET", "/refused?limit=3", nil)
	rest := get[adminapi.RefusedList](c, "GET", "/refused?after="+page.Next, nil)
	if len(page.Refused) != 3 || len(rest.Refused) != 1 || rest.Next != "" || rest.Refused[0].MessageID != accepted.MessageID {
		t.Errorf("pages: %+v, %+v", page, rest)
	}
	if n := get[adminapi.Cleared](c, "DELETE", "/refused", nil); n.Cleared != 4 {
		t.Errorf("cleared %d", n.Cleared)
	}
	c.refused(404, "GET", "/refused/"+id, nil, "there is no refused request")
	c.refused(404, "POST", "/refused/"+id+"/accept", nil, "there is no refused request")
	c.refused(400, "GET", "/refused?reason=wrong_signatur", nil, "did you mean wrong_signature?")
	c.refused(400, "GET", "/refused?client=here", nil, "neither an address nor a network")
	c.refused(404, "GET", "/refused?endpoint=stripe", nil, "there is no endpoint")
}

// TestRefusedAsOfItsReceipt: a signed time is judged as of the receipt, so an old entry
// is accepted and one that was stale then is not.
func TestRefusedAsOfItsReceipt(t *testing.T) {
	app := newUpstream(t)
	s := by("stripe")
	right := s.directive("forward " + app.addr)
	g, c := startAdmin(t, setup{site: strings.Replace(right, s.secret, "another-secret", 1)})
	signed := time.Now().Add(-2 * time.Hour)
	g.expect(401, s.request(g, "evt_1", signed)) // it is stale on arrival
	ring := g.open().refused
	early := ring.List(refused.Filter{}, time.Now())[0] // the same request, as if it had come at once
	early.Message.ReceivedAt, early.Message.ID = signed, queue.NewID(signed)
	early.Client = netip.Addr{} // else it would be a repetition
	early.Trim(true)
	if id, ok := ring.Put(&early); !ok || id != early.Message.ID {
		t.Fatal("not kept")
	}
	g.load(right)
	d := get[adminapi.Done](c, "POST", "/refused/accept", adminapi.RefusedBulk{})
	if d.Changed != 1 || d.SkippedBy["stale_timestamp"] != 1 {
		t.Errorf("%+v", d)
	}
	if got := app.next(); got.Header.Get("Webhook-Gateway-Refused") != early.Message.ID.String() {
		t.Errorf("the app got %s", got.body)
	}
	g.drained()
	app.nothing()
}

// TestRefusedURL: the signature covers the URL, which a handler has rewritten. It is judged
// again with the URL that the sender called, once public_url is mended. Of many who
// accept it at the same time one does.
func TestRefusedURL(t *testing.T) {
	app := newUpstream(t)
	site := func(lines string) string {
		return `handle_path /hooks/* {
			webhook_gateway /acme hmac {
				name acme
				signature header X-Sig encoding hex
				signed {url}|{body}
				event_id json id
				secret s3cret
				` + lines + `
				forward {
					wait 5s
					reverse_proxy ` + app.addr + `
				}
			}
			respond 404
		}`
	}
	g, c := startAdmin(t, setup{site: site("")})
	const body = `{"id":"evt_1"}`
	id := g.expect(401, post("/hooks/acme?x=%41", body, "X-Sig", hexSum("s3cret", "https://public.example/hooks/acme?x=%41|"+body))).header.Get("Webhook-Gateway-Refused")
	if e := refusedOf(c, ""); len(e) != 1 || e[0].URI != "/hooks/acme?x=%41" || e[0].JudgedAgain.Verified {
		t.Errorf("%+v", e)
	}
	g.load(site("public_url https://public.example"))
	outcomes := make(chan string, 8)
	for range cap(outcomes) {
		go func() {
			_, _, answer := c.raw("POST", adminapi.Prefix+"/refused/"+id+"/accept", "")
			outcomes <- answer
		}()
	}
	accepted := 0
	for range cap(outcomes) {
		switch answer := <-outcomes; {
		case strings.Contains(answer, `"outcome":"accepted"`):
			accepted++
		case !strings.Contains(answer, `"outcome":"duplicate"`):
			t.Error(answer)
		}
	}
	if got := app.next(); accepted != 1 || string(got.body) != body || got.RequestURI != "/acme?x=%41" {
		t.Errorf("accepted %d times; the app got %s with %s", accepted, got.RequestURI, got.body)
	}
	g.drained()
	app.nothing()
}

// TestRefusedSecrets: whatever a stranger sends, no secret of any endpoint is shown.
func TestRefusedSecrets(t *testing.T) {
	app := newUpstream(t)
	stripe, github, toolify := by("stripe"), by("github"), by("toolify")
	g, c := startAdmin(t, setup{app: "redact header X-Customer\n redact json email", site: stripe.directive("forward "+app.addr) + github.directive("sign_with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n forward "+app.addr) + toolify.directive("forward "+app.addr)})
	secrets := []string{stripe.secret, github.secret, toolify.secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	bodies := []string{
		`{"a":"%s","email":"ada@example.com","deep":{"b":["%s","%s"]},"c":"%s"}`, // whole JSON
		strings.Repeat(" ", 70_000) + `%s %s %s %s`,                              // cut, without them
		`{"x":"%s%s%s%s"` + strings.Repeat(" ", 70_000),                          // cut, and broken
	}
	bodies = append(bodies, strings.Repeat("y", refused.MaxStart-6)+`%s%s%s%s`+strings.Repeat("z", 70_000)) // cut within one
	for i, format := range bodies {
		body := fmt.Sprintf(format, secrets[0], secrets[1], secrets[2], secrets[3])
		r := post("/stripe?key="+secrets[1]+"&x=%00%1b[31m", body, "Stripe-Signature", "t=1,v1="+strings.Repeat("a", 64),
			"X-Other", "before "+secrets[2]+" after", "X-Mine", secrets[3], "X-Customer", "Ada Lovelace", "Authorization", "Bearer "+secrets[0],
			"User-Agent", hex.EncodeToString([]byte(secrets[1])))
		id := g.expect(401, r).header.Get("Webhook-Gateway-Refused")
		texts := map[string]string{
			"list": c.call(200, "GET", "/refused", nil), "one": c.call(200, "GET", "/refused/"+id, nil),
			"accepting": c.call(422, "POST", "/refused/"+id+"/accept", nil),
		}
		if i == 0 {
			texts["wire"] = c.call(200, "GET", "/refused/"+id+"/wire", nil)
			if !strings.Contains(texts["wire"], `"deep":{"b":["[redacted]","[redacted]"]}`) {
				t.Error(texts["wire"])
			}
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(texts["wire"])))
			if err != nil {
				t.Fatal(err)
			}
			if shown, err := io.ReadAll(r.Body); err != nil || r.Host != g.addr || !strings.HasPrefix(string(shown), `{"a":"[redacted]"`) {
				t.Errorf("read back: %s, %v", shown, err)
			}
		} else {
			c.refused(422, "GET", "/refused/"+id+"/wire", nil, "not kept whole")
			one := get[adminapi.RefusedRequest](c, "GET", "/refused/"+id, nil)
			if sum := sha256.Sum256([]byte(body)); one.Digest != hex.EncodeToString(sum[:]) || one.Size != int64(len(body)) || !one.Request.Truncated || one.JudgedAgain.Impossible == "" {
				t.Errorf("%+v", one)
			}
		}
		for where, text := range texts {
			for _, secret := range append(secrets, "ada@example.com", "Lovelace", hex.EncodeToString([]byte(secrets[1])), strings.Repeat("a", 64), secrets[0][:8]) {
				if strings.Contains(text, secret) {
					t.Errorf("body %d, %s: %q shows in %.500s", i, where, secret, text)
				}
			}
		}
	}
	app.nothing()
}

// TestRefusedKinds: which requests are kept, and which can be accepted.
func TestRefusedKinds(t *testing.T) {
	app := newUpstream(t)
	github, stripe, toolify := by("github"), by("stripe"), by("toolify")
	zoom := "webhook_gateway /zoom zoom {\n secret zoom-secret\n mode observe\n forward " + app.addr + "\n}\n"
	meta := "webhook_gateway /meta meta {\n secret meta-secret\n verify_token the-token\n forward " + app.addr + "\n}\n"
	off := strings.Replace(stripe.directive("name silent\n refused off\n forward "+app.addr), "/stripe", "/silent", 1)
	pass := "handle /toolify {\n" + toolify.directive("") + "reverse_proxy " + app.addr + "\n}\n"
	g, c := startAdmin(t, setup{site: github.directive("max_body 100\n forward "+app.addr) + zoom + meta + off + pass})

	only := func(endpoint string) adminapi.RefusedEntry {
		t.Helper()
		list := refusedOf(c, "?endpoint="+endpoint)
		if len(list) != 1 {
			t.Fatalf("%s: %+v", endpoint, list)
		}
		get[adminapi.Cleared](c, "DELETE", "/refused", nil)
		return list[0]
	}
	g.expect(413, post("/github", strings.Repeat("x", 1000), "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)))
	if e := only("github"); e.Reason != "body_too_large" || e.Size != 1000 || e.JudgedAgain.Impossible == "" {
		t.Errorf("too large: %+v", e)
	}
	r := post("/github", "x")
	r.Method = http.MethodPut
	g.expect(405, r)
	if e := only("github"); e.Reason != "method_not_allowed" || e.Method != "PUT" || e.Status != 405 {
		t.Errorf("method: %+v", e)
	}
	r = post("/meta?hub.mode=subscribe&hub.challenge=12345&hub.verify_token=wrong", "")
	r.Method, r.Body = http.MethodGet, nil
	id := g.expect(403, r).header.Get("Webhook-Gateway-Refused")
	c.refused(422, "POST", "/refused/"+id+"/accept", nil, "handshake")
	if e := only("meta"); e.Reason != refused.ReasonHandshake || e.ID.String() != id || e.URI != "/meta?hub.mode=subscribe&hub.challenge=12345&hub.verify_token=[redacted]" {
		t.Errorf("handshake: %+v", e)
	}
	if a := g.expect(200, post("/zoom", `{"event":"x"}`, "X-Zm-Signature", "v0="+strings.Repeat("0", 64), "X-Zm-Request-Timestamp", unix(time.Now()))); a.header.Get("Webhook-Gateway-Refused") != "" {
		t.Error("an answer of an observing endpoint names an entry")
	}
	app.next()
	observed := refusedOf(c, "?endpoint=zoom")[0].ID.String()
	c.refused(422, "POST", "/refused/"+observed+"/accept", nil, "observed", "let through")
	if e := only("zoom"); e.Reason != "wrong_signature" || !e.Observed || e.Status != 0 {
		t.Errorf("observed: %+v", e)
	}
	id = g.expect(401, post("/toolify", `{}`, "X-Webhook-Signature", "another")).header.Get("Webhook-Gateway-Refused")
	c.refused(422, "POST", "/refused/"+id+"/accept", nil, "no forward", "send it again")
	only("toolify")

	if a := g.expect(401, post("/silent", `{}`)); a.header.Get("Webhook-Gateway-Refused") != "" || len(refusedOf(c, "")) != 0 {
		t.Error("`refused off` of an endpoint keeps a request")
	}

	// The endpoint has gone.
	id = g.expect(401, post("/github", `{}`, "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))).header.Get("Webhook-Gateway-Refused")
	g.load(meta)
	c.refused(422, "POST", "/refused/"+id+"/accept", nil, "no endpoint github any more")
	if e := refusedOf(c, "?endpoint=github"); len(e) != 1 || !strings.Contains(e[0].JudgedAgain.Impossible, "no endpoint github") {
		t.Errorf("%+v", e)
	}
	app.nothing()
}

// TestRefusedOff: `refused off` keeps nothing, and forgets the earlier requests.
func TestRefusedOff(t *testing.T) {
	app := newUpstream(t)
	s := by("github")
	site := s.directive("forward " + app.addr)
	g, c := startAdmin(t, setup{site: site})
	g.expect(401, post("/github", "x"))
	if len(refusedOf(c, "")) != 1 {
		t.Fatal("it was not kept")
	}
	g.app = "refused off"
	g.load(site)
	if a := g.expect(401, post("/github", "x")); a.header.Get("Webhook-Gateway-Refused") != "" {
		t.Error("the answer names an entry")
	}
	list := get[adminapi.RefusedList](c, "GET", "/refused", nil)
	status := get[adminapi.Status](c, "GET", "/status", nil)
	if len(list.Refused) != 0 || !strings.Contains(list.Note, "refused off") || status.Limits.RefusedLimit != 0 {
		t.Errorf("%+v, %+v", list, status.Limits)
	}
	if lately := get[adminapi.Endpoint](c, "GET", "/endpoints/github", nil).Requests.RefusedLately; len(lately) != 0 {
		t.Errorf("counted: %v", lately)
	}
}

// TestRefusedFlood: of ten thousand forged requests few are kept, the others are counted,
// and none takes the place of a request that was refused before. A sender that was seen
// before finds a place meanwhile.
func TestRefusedFlood(t *testing.T) {
	app := newUpstream(t)
	s := by("github")
	g, c := startAdmin(t, setup{site: s.directive("forward " + app.addr), globals: "servers {\n trusted_proxies static 127.0.0.1/32\n}"})
	from := func(ip string, r *http.Request) *http.Request {
		r.Header.Set("X-Forwarded-For", ip)
		return r
	}
	const sender = "203.0.113.7"
	g.expect(200, from(sender, s.request(g, "genuine", time.Now())))
	app.next()
	forged := func(body string) *http.Request {
		return post("/github", body, "X-Hub-Signature-256", "sha256="+hexSum("another-secret", body))
	}
	first := g.expect(401, from(sender, forged("first"))).header.Get("Webhook-Gateway-Refused")
	uncaptured := func() (total int64) {
		eachCounter(collectors().uncaptured, func(_ map[string]string, n int64) { total += n })
		return total
	}
	before := uncaptured()

	const all, senders = 10_000, 8
	var named atomic.Int64
	var group sync.WaitGroup
	for n := range senders {
		group.Go(func() {
			for i := range all / senders {
				r := from(fmt.Sprintf("198.18.%d.%d", n, i&255), forged(fmt.Sprint("flood ", n, i)))
				a, err := g.exchange(r)
				if err != nil || a.status != 401 {
					t.Errorf("%v %v", a, err)
					return
				}
				if a.header.Get("Webhook-Gateway-Refused") != "" {
					named.Add(1)
				}
			}
		})
	}
	group.Wait()
	second := g.expect(401, from(sender, forged("second"))).header.Get("Webhook-Gateway-Refused")
	if n := uncaptured() - before; n+named.Load() != all || n < all/2 {
		t.Errorf("%d were not kept, and %d were", n, named.Load())
	}
	for _, id := range []string{first, second} {
		if one := get[adminapi.RefusedRequest](c, "GET", "/refused/"+id, nil); one.ClientIP != sender {
			t.Errorf("%+v", one)
		}
	}
	if list := refusedOf(c, "?reason=wrong_signature"); len(list) > 32 {
		t.Errorf("%d entries", len(list))
	}
	if s := get[adminapi.Status](c, "GET", "/status", nil).Limits; s.RefusedBytes > s.RefusedLimit || s.RefusedLimit != refused.DefaultSize {
		t.Errorf("%+v", s)
	}
	app.nothing()
}
