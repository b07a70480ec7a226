// Makes a folder in the format "hookwicket queue 1", with some of all that it
// can hold. It is built against the last version that wrote this format.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC)

func main() {
	now := start
	s, err := pebble.Open(pebble.Options{Dir: os.Args[1], Now: func() time.Time { return now }})
	check(err)
	ctx := context.Background()
	accept := func(n int, to ...string) {
		now = start.Add(time.Duration(n) * time.Second)
		m := &queue.Message{
			ReceivedAt: now, Endpoint: "pay", Provider: "stripe", EventID: fmt.Sprintf("evt_%d", n), EventType: "payment.created",
			Method: "POST", URI: "/pay", Host: "hooks.example.com", Proto: "HTTP/1.1", RemoteAddr: "192.0.2.1:1234", ClientIP: "192.0.2.1",
			Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(fmt.Sprintf(`{"n":%d}`, n)),
		}
		if n%5 == 0 {
			m.EventID = ""
		}
		id := queue.Identity{Key: queue.Key{1, byte(n)}, Digest: queue.Key{2, byte(n)}, Window: 100 * 365 * 24 * time.Hour}
		_, err := s.Accept(ctx, m, id, to...)
		check(err)
	}
	// 1-10 wait for one destination, 11-20 for two, 21-24 for a third.
	for n := 1; n <= 10; n++ {
		accept(n, "pay")
	}
	for n := 11; n <= 20; n++ {
		accept(n, "pay", "pay/audit")
	}
	for n := 21; n <= 24; n++ {
		accept(n, "crm")
	}
	now = start.Add(time.Minute)
	claim := func(destination string) queue.Claim {
		c, err := s.Claim(ctx, destination)
		check(err)
		return c
	}
	check(claim("pay").Done())                                         // 1 is gone
	check(claim("pay").Retry(start.Add(time.Hour), "status 503"))      // 2: one attempt
	check(claim("pay").Retry(start.Add(61*time.Second), "first"))      // 3: two
	check(claim("pay").Bury(now, "status 410"))                        // 4 is a dead letter
	check(claim("pay/audit").Done())                                   // 11 waits for pay alone
	check(claim("pay/audit").Bury(now, "gone for good"))               // 12 waits for pay, dead for audit
	check(claim("pay/audit").Retry(start.Add(time.Hour), "no answer")) // 13
	check(claim("crm").Bury(now, ""))                                  // 21
	for range 16 {                                                     // the rest of pay, untouched
		c := claim("pay")
		defer c.Release()
	}
	now = start.Add(62 * time.Second)
	check(claim("pay").Retry(start.Add(2*time.Hour), "second"))
	check(s.Learn(ctx, "pay", "first secret of pay"))
	check(s.Learn(ctx, "pay", "second secret of pay"))
	check(s.Learn(ctx, "crm", "secret of crm"))
	check(s.Mark(ctx, queue.Identity{Key: queue.Key{9}, Window: 100 * 365 * 24 * time.Hour}, now))
	check(s.Close())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
