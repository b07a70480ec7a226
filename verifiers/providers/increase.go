package providers

import "github.com/hookwicket/hookwicket/verifiers"

const increaseWhere = "Increase Dashboard > Developers > Event subscriptions: the shared secret that was given when the subscription was created"

const increaseSample = `{"id":"{id}","created_at":"{time}","category":"transaction.created","associated_object_type":"transaction",` +
	`"associated_object_id":"transaction_1001","type":"event"}`

func init() { register(increase) }

// increase is Increase as it signs today, by Standard Webhooks.
func increase() verifiers.Provider {
	p := standardSender("increase", "Increase", []string{"{json:category}"},
		"https://increase.com/documentation/webhooks", "https://github.com/Increase/increase-go/blob/main/event.go")
	p.Why = "The whole shared secret, as text, is the key. Subscriptions of an older kind send Increase-Webhook-Signature: increase-legacy."
	p.Scheme = standardRaw([]string{"{json:category}"}, "webhook-")
	p.Secret = verifiers.SecretInfo{Name: "shared secret", Where: increaseWhere}
	p.Sample.IDPrefix, p.Sample.Body = "event_", increaseSample
	return p
}

func init() { register(increaseLegacy) }

// increaseLegacy is Increase under its older header.
func increaseLegacy() verifiers.Provider {
	return verifiers.Provider{
		Name:  "increase-legacy",
		Title: "Increase (Increase-Webhook-Signature)",
		Docs: []string{
			"https://increase.com/documentation/webhooks",
			"https://github.com/Increase/increase-python/blob/main/tests/api_resources/test_webhooks.py",
		},
		Why:       "The time in the header is RFC 3339 and is signed as it is spelled. The whole of whsec_… is the key, undecoded.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"Increase-Webhook-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"v1"},
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:t}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:category}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "shared secret", Where: increaseWhere},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Increase's libraries allow 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID (event_…) stands in the signed body.",
		},
		Sample: verifiers.Sample{IDPrefix: "event_", Body: increaseSample},
	}
}
