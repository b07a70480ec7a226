package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(coinbaseCdp) }

func coinbaseCdp() verifiers.Provider {
	scheme := timedList("X-Hook0-Signature", "t", "v0")
	scheme.EventID = []string{"{header:X-Event-Id}"}
	scheme.EventType = []string{"{header:X-Event-Type}"}
	return verifiers.Provider{
		Name:  "coinbase-cdp",
		Title: "Coinbase Developer Platform",
		Docs:  []string{"https://docs.cdp.coinbase.com/webhooks/verify-signatures"},
		Why: "v0 signs time and body and is the one that Coinbase advises. v1 also signs the headers that h names, in an order " +
			"that each request chooses; a request with v1 alone is refused.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the answer that made the subscription: metadata.secret"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "It is the time at which the webhook was sent; Coinbase's example allows 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    "The ID is outside the content that v0 signs, so it counts together with the body.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Event-Id": "{id}", "X-Event-Type": "payments.transfers.completed"},
			Body: `{"eventType":"payments.transfers.completed","data":{"transferId":"transfer-1001","status":"completed","amount":"10.00",` +
				`"asset":"usdc"},"timestamp":"{time}"}`,
		},
	}
}
