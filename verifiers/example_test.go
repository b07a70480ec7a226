package verifiers_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// A provider of the catalogue, with the new and the old secret of an endpoint.
func Example() {
	github, _ := providers.Lookup("github")
	v, err := github.Scheme.Verifier("the new secret", "It's a Secret to Everybody")
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := v.Verify(context.Background(), &verifiers.Request{
		Method: "POST",
		URL:    "https://hooks.example.com/github",
		Header: http.Header{
			"X-Github-Event":      {"push"},
			"X-Hub-Signature-256": {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		},
		Body: []byte("Hello, World!"),
	})
	fmt.Println(event.Type, event.Signed.Body, err)
	// Output: push true <nil>
}

// A sender that nobody has described yet, and the clock that belongs to the
// caller.
func ExampleHMAC() {
	scheme := verifiers.HMAC{
		Signature: verifiers.Signature{Names: []string{"X-Acme-Signature"}, Prefix: "sha256="},
		Content:   "{timestamp}.{body}",
		Facts:     verifiers.Facts{Timestamp: verifiers.Timestamp{From: "{header:X-Acme-Timestamp}"}},
	}
	sent := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &verifiers.Request{Method: "POST", Body: []byte(`{"hello":"world"}`)}
	if err := scheme.Sign(r, "s3cret", sent, ""); err != nil {
		fmt.Println(err)
		return
	}

	v, err := scheme.Verifier("s3cret")
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := v.Verify(context.Background(), r)
	fmt.Println(event.Timestamp.UTC(), err)

	limits := verifiers.Tolerance{Past: 5 * time.Minute, Future: time.Minute}
	fmt.Println(limits.Check(event.Timestamp, sent.Add(time.Hour)))

	r.Body = []byte(`{"hello":"moon"}`)
	_, err = v.Verify(context.Background(), r)
	fmt.Println(verifiers.ReasonOf(err))
	// Output:
	// 2026-03-01 12:00:00 +0000 UTC <nil>
	// stale_timestamp: 1h0m0s old, and 5m0s is allowed
	// wrong_signature
}
