package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sender is how the requests of one provider look. In its texts {id} stands for
// the event's number, {signature} for the signature and {time} for Unix time.
type sender struct {
	header string
	before string // stands before the body under the signature
	id     string // the body's id
}

var senders = map[string]sender{
	"github": {
		header: "User-Agent: GitHub-Hookshot/5e4f0a1\r\nX-GitHub-Event: push\r\nX-GitHub-Hook-ID: 292430182\r\n" +
			"X-GitHub-Hook-Installation-Target-ID: 79929171\r\nX-GitHub-Hook-Installation-Target-Type: repository\r\n" +
			"X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-{id}\r\nX-Hub-Signature-256: sha256={signature}\r\n",
		id: "{id}",
	},
	"generic": {
		header: "User-Agent: Generic-Webhook/1.0\r\nX-Webhook-Signature: {signature}\r\n",
		id:     "evt_{id}",
	},
	"stripe": {
		header: "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nCache-Control: no-cache\r\n" +
			"Stripe-Signature: t={time},v1={signature}\r\n",
		before: "{time}.",
		id:     "evt_{id}",
	},
}

const (
	bodySize = 1536 // of an event, where a benchmark does not say otherwise
	bodyEnd  = `"}}`
	idLength = 12
	maxBatch = 1 << 22 // events
)

// bodyOf returns a body of so many bytes, with the fields of a receiver in
// front and room for noise at the end, which is half of it.
func bodyOf(id string, size int, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":"%s","type":"order.created","created_at":"%s","event_id":"Ev0PV52K25","event":{"type":"message"},"data":{"items":[`,
		id, now.UTC().Format(time.RFC3339))
	for i := 0; b.Len() < size-size/2-150; i++ {
		fmt.Fprintf(&b, `{"sku":"item-%04d","quantity":%d,"price":"19.90","gift":false},`, i, i%7+1)
	}
	b.WriteString(`{}],"note":"`)
	// The ID is written in full later on.
	missing := size - b.Len() - len(bodyEnd) + strings.Count(id, "{id}")*(len("{id}")-idLength)
	b.WriteString(strings.Repeat("x", missing) + bodyEnd)
	return b.String()
}

// setNoise overwrites the room at the end of a body with letters that no other
// nearby event has, or the store would compress all events to nothing.
func setNoise(body []byte, k int64) {
	size := int64(len(body) / 2)
	at := k * size % int64(len(noise)-int(size))
	copy(body[len(body)-len(bodyEnd)-int(size):], noise[at:at+size])
}

var noise = func() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]byte, 1<<20+7)
	for i := range all {
		all[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[random.IntN(64)]
	}
	return all
}()

// batch is a number of events, signed beforehand. Only the IDs and signatures
// are kept: they are written into each connection's own copy of the request.
type batch struct {
	first      int64 // the number of its first event
	request    []byte
	body       int   // where the body starts in the request
	ids        []int // where the ID stands
	signature  int   // where the signature stands
	before     string
	signatures [][sha256.Size]byte
	again      bool // start over when all are used; else sign more
	next       atomic.Int64
}

var batches int64

// newBatch signs n events of a provider, with bodies of so many bytes.
func newBatch(provider string, n, size int) *batch {
	s, now := senders[provider], time.Now()
	stamp := strconv.FormatInt(now.Unix(), 10)
	body := bodyOf(s.id, size, now)
	head := "POST /webhook HTTP/1.1\r\nHost: hooks.example.com\r\nAccept: */*\r\nContent-Type: application/json\r\n" +
		"Content-Length: " + strconv.Itoa(size) + "\r\n" + strings.ReplaceAll(s.header, "{time}", stamp) + "\r\n"

	batches++
	t := &batch{
		first:      batches * maxBatch,
		before:     strings.ReplaceAll(s.before, "{time}", stamp),
		signatures: make([][sha256.Size]byte, n),
	}
	for rest := head + body; rest != ""; {
		var plain string
		plain, rest, _ = strings.Cut(rest, "{")
		t.request = append(t.request, plain...)
		switch after, isID := strings.CutPrefix(rest, "id}"); {
		case isID:
			t.ids = append(t.ids, len(t.request))
			t.request = append(t.request, make([]byte, idLength)...)
			rest = after
		case strings.HasPrefix(rest, "signature}"):
			t.signature = len(t.request)
			t.request = append(t.request, make([]byte, hex.EncodedLen(sha256.Size))...)
			rest = strings.TrimPrefix(rest, "signature}")
		case rest != "":
			t.request = append(t.request, '{')
		}
	}
	t.body = len(t.request) - size

	var wg sync.WaitGroup
	const parts = 4
	for part := range parts {
		wg.Go(func() {
			c := t.copy()
			for k := part; k < n; k += parts {
				c.setEvent(int64(k))
				c.sign(t.signatures[k][:0])
			}
		})
	}
	wg.Wait()
	return t
}

// requestCopy is the request of a batch to be written into.
type requestCopy struct {
	*batch
	bytes []byte
	mac   hash.Hash
}

func (t *batch) copy() *requestCopy {
	return &requestCopy{batch: t, bytes: append([]byte(nil), t.request...), mac: hmac.New(sha256.New, []byte(secret))}
}

// setEvent writes all but the signature.
func (c *requestCopy) setEvent(k int64) {
	const digits = "0123456789abcdef"
	n := c.first + k
	var id [idLength]byte
	for i := idLength - 1; i >= 0; i-- {
		id[i] = digits[n&15]
		n >>= 4
	}
	for _, at := range c.ids {
		copy(c.bytes[at:], id[:])
	}
	setNoise(c.bytes[c.body:], k)
}

// sign appends the signature of what is in the copy.
func (c *requestCopy) sign(dst []byte) []byte {
	c.mac.Reset()
	if c.before != "" {
		c.mac.Write([]byte(c.before))
	}
	c.mac.Write(c.bytes[c.body:])
	return c.mac.Sum(dst)
}

// nextEvent writes the next event of the batch into the copy.
func (c *requestCopy) nextEvent() []byte {
	k := c.next.Add(1) - 1
	n := int64(len(c.signatures))
	if c.again {
		k %= n
	}
	c.setEvent(k)
	var sum [sha256.Size]byte
	signature := sum[:]
	if k < n {
		signature = c.signatures[k][:]
	} else {
		c.sign(sum[:0])
	}
	hex.Encode(c.bytes[c.signature:], signature)
	return c.bytes
}
