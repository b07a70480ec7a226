package caddymodule

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"time"
)

var discardLog = log.New(io.Discard, "", 0)

// sender is a provider as its documents describe it. Nothing of the project's
// own signing is used here.
type sender struct {
	slug    string
	secret  string
	options string // lines of the directive

	// sign makes the headers for a body that is sent to url at a time.
	sign func(url, body string, now time.Time, id string) []string
	// body makes one that tells of the event at a time.
	body func(id string, at time.Time) string

	signature int    // where in sign the name of the signature's header stands
	token     string // the header, where the secret itself is sent

	eventID, eventType string // of body("evt_1", …); "*": depends on the time
	success, refused   reply
	timed              time.Duration // how old is stale; 0: no time counts
}

func sum(secret, content string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(content))
	return h.Sum(nil)
}

func hexSum(secret, content string) string { return hex.EncodeToString(sum(secret, content)) }
func base64Sum(secret, content string) string {
	return base64.StdEncoding.EncodeToString(sum(secret, content))
}
func unix(t time.Time) string    { return strconv.FormatInt(t.Unix(), 10) }
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func typed(status int, contentType, body string) reply {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return reply{status, h, body}
}

var (
	plain200 = typed(200, "", "")
	plain401 = typed(401, "", "")
	json401  = typed(401, "application/json", `{"error":"Invalid signature"}`)
)

// theSenders are those that the tests know, each under the path /<slug>.
var theSenders = []sender{
	{
		slug: "toolify", secret: "toolify-api-key",
		sign: func(_, _ string, _ time.Time, _ string) []string {
			return []string{"X-Webhook-Signature", "toolify-api-key"}
		},
		body: func(id string, at time.Time) string {
			return `{"event":"task.completed","timestamp":"` + rfc3339(at) + `","task":{"id":"` + id + `"}}`
		},
		token:   "X-Webhook-Signature",
		eventID: "*", eventType: "task.completed", timed: 31 * time.Minute,
		success: typed(200, "application/json", `{"received": true}`), refused: json401,
	},
	{
		slug: "generic", secret: "generic-secret",
		sign: func(_, body string, _ time.Time, _ string) []string {
			return []string{"X-Webhook-Signature", hexSum("generic-secret", body)}
		},
		body: func(id string, at time.Time) string {
			return `{"id":"` + id + `","type":"order.created","created_at":"` + rfc3339(at) + `"}`
		},
		eventID: "evt_1", eventType: "order.created", timed: 4*time.Hour + time.Minute,
		success: typed(200, "application/json", `{"status":"received"}`), refused: json401,
	},
	{
		slug: "taskflow", secret: "taskflow-secret",
		sign: func(_, body string, now time.Time, _ string) []string {
			return []string{
				"X-TaskFlow-Signature", "sha256=" + hexSum("taskflow-secret", body),
				"X-TaskFlow-Event", "task.done", "X-TaskFlow-Delivery-ID", "attempt-" + strconv.FormatInt(time.Now().UnixNano(), 36),
			}
		},
		body: func(id string, at time.Time) string {
			return `{"id":"` + id + `","type":"task.done","timestamp":"` + rfc3339(at) + `"}`
		},
		eventID: "evt_1", eventType: "task.done", timed: 8*time.Hour + time.Minute,
		success: typed(200, "text/plain; charset=utf-8", "OK"), refused: plain401,
	},
	{
		slug: "stripe", secret: "whsec_stripe",
		sign: func(_, body string, now time.Time, _ string) []string {
			return []string{"Stripe-Signature", "t=" + unix(now) + ",v1=" + hexSum("whsec_stripe", unix(now)+"."+body)}
		},
		body:    func(id string, _ time.Time) string { return `{"id":"` + id + `","type":"charge.succeeded"}` },
		eventID: "evt_1", eventType: "charge.succeeded", timed: 5*time.Minute + 10*time.Second,
		success: plain200, refused: plain401,
	},
	{
		slug: "github", secret: "github-secret",
		sign: func(_, body string, _ time.Time, id string) []string {
			return []string{"X-Hub-Signature-256", "sha256=" + hexSum("github-secret", body), "X-GitHub-Delivery", id, "X-GitHub-Event", "push"}
		},
		body:    func(id string, _ time.Time) string { return `{"ref":"refs/heads/` + id + `"}` },
		eventID: "evt_1", eventType: "push",
		success: plain200, refused: plain401,
	},
	{
		slug: "slack", secret: "slack-secret",
		sign: func(_, body string, now time.Time, _ string) []string {
			return []string{"X-Slack-Request-Timestamp", unix(now), "X-Slack-Signature", "v0=" + hexSum("slack-secret", "v0:"+unix(now)+":"+body)}
		},
		body: func(id string, _ time.Time) string {
			return `{"event_id":"` + id + `","type":"event_callback","event":{"type":"app_mention"}}`
		},
		signature: 2,
		eventID:   "evt_1", eventType: "app_mention", timed: 5*time.Minute + 10*time.Second,
		success: plain200, refused: plain401,
	},
	{
		slug: "shopify", secret: "shopify-secret",
		sign: func(_, body string, now time.Time, id string) []string {
			return []string{
				"X-Shopify-Hmac-Sha256", base64Sum("shopify-secret", body), "X-Shopify-Webhook-Id", id,
				"X-Shopify-Topic", "orders/create", "X-Shopify-Triggered-At", rfc3339(now),
			}
		},
		body:    func(id string, _ time.Time) string { return `{"order":"` + id + `"}` },
		eventID: "evt_1", eventType: "orders/create",
		success: plain200, refused: plain401,
	},
	{
		slug: "square", secret: "square-secret",
		sign: func(url, body string, _ time.Time, _ string) []string {
			return []string{"X-Square-Hmacsha256-Signature", base64Sum("square-secret", url+body)}
		},
		body: func(id string, at time.Time) string {
			return `{"event_id":"` + id + `","type":"payment.updated","created_at":"` + rfc3339(at) + `"}`
		},
		eventID: "evt_1", eventType: "payment.updated", timed: 76*time.Hour + time.Minute,
		success: plain200, refused: plain401,
	},
	{
		slug: "standard-webhooks", secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte("standard secret!")),
		sign: standardSign("Webhook-", "standard secret!"), body: standardBody,
		signature: 4,
		eventID:   "evt_1", eventType: "contact.created", timed: 5*time.Minute + 10*time.Second,
		success: plain200, refused: plain401,
	},
	{
		slug: "svix", secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte("svix secret !!!!")),
		sign: standardSign("Svix-", "svix secret !!!!"), body: standardBody,
		signature: 4,
		eventID:   "evt_1", eventType: "contact.created", timed: 5*time.Minute + 10*time.Second,
		success: plain200, refused: plain401,
	},
	{
		slug: "paddle", secret: "pdl_ntfset_secret",
		sign: func(_, body string, now time.Time, _ string) []string {
			return []string{"Paddle-Signature", "ts=" + unix(now) + ";h1=" + hexSum("pdl_ntfset_secret", unix(now)+":"+body)}
		},
		body: func(id string, _ time.Time) string {
			return `{"event_id":"` + id + `","event_type":"transaction.completed"}`
		},
		eventID: "evt_1", eventType: "transaction.completed", timed: 5*time.Minute + 10*time.Second,
		success: plain200, refused: plain401,
	},
	{
		slug: "gitlab-token", secret: "gitlab-secret-token",
		sign: func(_, _ string, _ time.Time, id string) []string {
			return []string{"X-Gitlab-Token", "gitlab-secret-token", "Idempotency-Key", id, "X-Gitlab-Event", "Push Hook"}
		},
		body:    func(id string, _ time.Time) string { return `{"object_kind":"push","sha":"` + id + `"}` },
		token:   "X-Gitlab-Token",
		eventID: "evt_1", eventType: "Push Hook",
		success: plain200, refused: plain401,
	},
	{
		slug: "hmac", secret: "acme-secret",
		options: `hash sha512
			signature header X-Acme-Signature prefix v1= encoding base64
			timestamp header X-Acme-Timestamp format unix
			signed "{timestamp}.{body}"
			event_id json id
			event_type json type`,
		sign: func(_, body string, now time.Time, _ string) []string {
			return []string{"X-Acme-Timestamp", unix(now), "X-Acme-Signature", "v1=" + sha512Sum("acme-secret", unix(now)+"."+body)}
		},
		body:      func(id string, _ time.Time) string { return `{"id":"` + id + `","type":"ping"}` },
		signature: 2,
		eventID:   "evt_1", eventType: "ping", timed: 5*time.Minute + 10*time.Second,
		success: plain200, refused: plain401,
	},
}

func standardSign(prefix, key string) func(string, string, time.Time, string) []string {
	return func(_, body string, now time.Time, id string) []string {
		return []string{
			prefix + "Id", id, prefix + "Timestamp", unix(now),
			prefix + "Signature", "v1a,bm9uZQ== v1," + base64Sum(key, id+"."+unix(now)+"."+body),
		}
	}
}

func standardBody(id string, _ time.Time) string {
	return `{"type":"contact.created","data":{"id":"` + id + `"}}`
}

// by returns a sender.
func by(slug string) sender {
	for _, s := range theSenders {
		if s.slug == slug {
			return s
		}
	}
	panic("no sender " + slug)
}

// directive writes the endpoint of a sender.
func (s sender) directive(lines string) string {
	return fmt.Sprintf("webhook_gateway /%s %s {\n secret %q\n %s\n %s\n}\n", s.slug, s.slug, s.secret, s.options, lines)
}

// request makes a signed request about an event at a time.
func (s sender) request(g *gateway, id string, at time.Time) *http.Request {
	return s.with(g, s.body(id, at), at, id)
}

// with makes a signed request with a given body.
func (s sender) with(g *gateway, body string, at time.Time, id string) *http.Request {
	url := "http://" + g.addr + "/" + s.slug
	return post(url, body, s.sign(url, body, at, id)...)
}

// checksum names a body in messages that would be too long otherwise.
func checksum(b []byte) string { return fmt.Sprintf("%d bytes, %x", len(b), md5.Sum(b)) }

func sha512Sum(secret, content string) string {
	h := hmac.New(sha512.New, []byte(secret))
	h.Write([]byte(content))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
