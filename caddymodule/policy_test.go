package caddymodule

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// TestPolicyOver: a forward has its own word on each field, and off is a word.
func TestPolicyOver(t *testing.T) {
	const s = caddy.Duration(time.Second)
	base := Policy{
		Retry: &Retry{Attempts: 5, Age: 10 * s, Final: []string{"4xx"}, Backoff: &Backoff{Base: s}, Timeout: 3 * s, RetryAfter: 4 * s},
		Circuit: &Circuit{
			Consecutive: 3, Share: 0.5, Minimum: 7, Window: s, Open: s, OpenMax: 2 * s, Probes: 2,
		},
		Concurrency: 8, Rate: &Rate{Events: 1}, SignWith: &SignWith{Secrets: []string{"x"}}, Order: new(Order),
	}
	if got := (Policy{}).over(base); !reflect.DeepEqual(got, base) {
		t.Errorf("nothing over the base is %+v", got)
	}
	if got := base.over(Policy{}); !reflect.DeepEqual(got, base) {
		t.Errorf("the base over nothing is %+v", got)
	}
	own := Policy{
		Retry: &Retry{Attempts: -1, Final: []string{"none"}}, Circuit: &Circuit{Share: -1},
		Concurrency: 1, Rate: &Rate{Off: true}, SignWith: &SignWith{Off: true}, Order: &Order{Off: true},
	}
	got := own.over(base)
	want := *base.Retry
	want.Attempts, want.Final = -1, []string{"none"}
	if !reflect.DeepEqual(*got.Retry, want) {
		t.Errorf("retry is %+v", got.Retry)
	}
	circuit := *base.Circuit
	circuit.Share = -1
	if !reflect.DeepEqual(*got.Circuit, circuit) {
		t.Errorf("circuit is %+v", got.Circuit)
	}
	if got.Concurrency != 1 || !got.Rate.Off || !got.SignWith.Off || !got.Order.Off {
		t.Errorf("the rest is %+v", got)
	}
	off := Policy{Retry: &Retry{Off: true}, Circuit: &Circuit{Off: true}}
	if got := off.over(base); !got.Retry.Off || !got.Circuit.Off {
		t.Errorf("off over the base is %+v", got)
	}
	if got := base.over(off); got.Retry.Off || got.Circuit.Off {
		t.Errorf("a block over off is %+v", got)
	}
}

// TestPolicyQueue holds what a worker is told of a policy.
func TestPolicyQueue(t *testing.T) {
	const s = caddy.Duration(time.Second)
	for _, c := range []struct {
		name string
		p    Policy
		want queue.Policy
	}{
		{"nothing", Policy{}, queue.Policy{}},
		{"no limits", Policy{Retry: &Retry{Attempts: -1, Age: -1, RetryAfter: -1}, Rate: &Rate{Off: true, Events: 3}},
			queue.Policy{Backoff: queue.Backoff{MaxAge: -1, RetryAfterMax: -1}}},
		{"off", Policy{Retry: &Retry{Off: true, Attempts: 5}, Circuit: &Circuit{Off: true}},
			queue.Policy{Backoff: queue.Backoff{MaxAttempts: 1}, Circuit: queue.Circuit{Off: true}}},
		{"the defaults are the queue's", Policy{Retry: &Retry{Backoff: &Backoff{Base: 7200 * s}}, Circuit: &Circuit{Open: 300 * s}},
			queue.Policy{Backoff: queue.Backoff{Base: 2 * time.Hour}, Circuit: queue.Circuit{Open: 5 * time.Minute}}},
		{"all", Policy{
			Retry:   &Retry{Attempts: 5, Age: s, Timeout: 2 * s, Backoff: &Backoff{s, 3, 4 * s}, RetryAfter: 9 * s},
			Circuit: &Circuit{Consecutive: 1, Share: 0.2, Minimum: 3, Window: s, Open: s, OpenMax: 2 * s, Probes: 4},
			Rate:    &Rate{Events: 3, Per: 60 * s, Burst: 2}, Concurrency: 6,
		}, queue.Policy{
			Backoff:     queue.Backoff{Base: time.Second, Factor: 3, Cap: 4 * time.Second, MaxAge: time.Second, MaxAttempts: 5, RetryAfterMax: 9 * time.Second},
			Timeout:     2 * time.Second,
			Concurrency: 6,
			Rate:        queue.Rate{Events: 3, Per: time.Minute, Burst: 2},
			Circuit: queue.Circuit{
				Consecutive: 1, Share: 0.2, Minimum: 3, Window: time.Second, Open: time.Second, OpenMax: 2 * time.Second, Probes: 4,
			},
		}},
	} {
		got := c.p.queue()
		got.Backoff.Final = nil // a function
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", c.name, got, c.want)
		}
	}
}

func TestFinal(t *testing.T) {
	for _, c := range []struct{ words, final, again string }{
		{"", "410", "404 500"},
		{"none", "", "410 500"},
		{"4XX 503", "400 499 503", "399 500 502"},
		{"3xx", "300 399", "410"},
	} {
		p := Policy{Retry: &Retry{Final: strings.Fields(c.words)}}
		if err := p.check(); err != nil {
			t.Fatal(err)
		}
		d := &queue.Delivery{Message: &queue.Message{ReceivedAt: time.Now()}}
		for want, list := range map[bool]string{true: c.final, false: c.again} {
			for _, text := range strings.Fields(list) {
				_, again := p.queue().Backoff.Next(d, time.Now(), queue.StatusError{Status: atoi3(text)})
				if again == want {
					t.Errorf("final %s: %s is tried again: %v", c.words, text, again)
				}
			}
		}
	}
	if has, _ := (&Retry{Final: []string{"5xx"}}).final(); has(0) || has(-1) || has(600) || has(1<<20) {
		t.Error("what is no status is final")
	}
}

// TestEncryptionKey: hex and every base64 that people have, and no error shows what
// was given.
func TestEncryptionKey(t *testing.T) {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(251 + 5*i)
	}
	for _, text := range []string{
		hex.EncodeToString(key), strings.ToUpper(hex.EncodeToString(key)),
		base64.StdEncoding.EncodeToString(key), base64.RawStdEncoding.EncodeToString(key),
		base64.URLEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key),
		base64.StdEncoding.EncodeToString(key) + "\n",
	} {
		t.Setenv("HOOKWICKET_TEST_KEY", text)
		got, err := encryptionKey("{env.HOOKWICKET_TEST_KEY}")
		if err != nil || string(got) != string(key) {
			t.Errorf("%q is read as %x (%v)", text, got, err)
		}
	}
	for _, text := range []string{
		"", "   ", "k33p-m3-s3cr3t", hex.EncodeToString(key[:31]), hex.EncodeToString(key) + "00",
		base64.StdEncoding.EncodeToString(key[:16]), "{env.HOOKWICKET_TEST_NONE}",
	} {
		_, err := encryptionKey(text)
		if err == nil || strings.TrimSpace(text) != "" && text[0] != '{' && strings.Contains(err.Error(), text) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func TestEventsSettled(t *testing.T) {
	for names, want := range map[string]string{
		"":                     "false true true",
		"all":                  "true true true",
		"none":                 "false false false",
		"accepted dead_letter": "true false true",
	} {
		a := &App{Events: strings.Fields(names)}
		if err := a.settleEvents(); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(a.events["accepted"], a.events["rejected"], a.events["dead_letter"]); got != want {
			t.Errorf("events %s: %s, want %s", names, got, want)
		}
	}
}
