package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(circleNotifications) }

// circleNotifications is Circle's notifications of version 2.
func circleNotifications() verifiers.Provider {
	return verifiers.Provider{
		Name:  "circle",
		Title: "Circle",
		Docs:  []string{"https://developers.circle.com/api-reference/verify-webhook-signatures.md"},
		Why: "Circle has a key for all its customers, whose public half is fetched by the ID in X-Circle-Key-Id. So a signature " +
			"proves that Circle sent it, not to whom: give subscription_id. Products with a path of their own (CPN, Mint) need " +
			"another keys.url; version 1 is delivered by Amazon SNS.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "ecdsa",
			Signature: verifiers.Signature{Names: []string{"X-Circle-Signature"}, Encoding: "base64"},
			Content:   "{body}",
			Keys: verifiers.Keys{
				URL:    "https://api.circle.com/v2/notifications/publicKey/{header:X-Circle-Key-Id}",
				Pin:    []string{`https://api\.circle\.com/v2/notifications/publicKey/[0-9A-Za-z-]{36}`},
				Header: map[string]string{"Authorization": "Bearer {option:api_key}"},
				Format: "json",
				Path:   "data.publicKey",
			},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:timestamp}", Format: "rfc3339"},
				EventID:   []string{"{json:notificationId}"},
				EventType: []string{"{json:notificationType}"},
				Addressee: []verifiers.Condition{{Of: "{json:subscriptionId}", Is: []string{"{option:subscription_id}"}}},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:     "public key",
			Where:    "the answer of GET /v2/notifications/publicKey/{id}; without one it is fetched",
			Optional: true,
		},
		Options: []verifiers.Option{
			{Name: "api_key", What: "an API key, with which Circle's public keys are fetched", Secret: true, Required: true, Fetching: true,
				Example: "TEST_API_KEY:1001:example"},
			{Name: "subscription_id", What: "the ID of the subscription to notifications: events of others are refused", Many: true,
				Example: "00000000-0000-4000-8000-000000000000"},
		},
		Handshakes: []verifiers.Handshake{{
			Name:   "reachable",
			Method: "HEAD",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "The time in the body is the notification's own. The longest documented schedule of retries takes 37 hours, which " +
				"a week outlasts.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why: "The ID stands in the signed body and is the same on every attempt. The longest schedule documented for a product of " +
				"Circle's takes 37 hours.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Circle-Key-Id": "879dc113-5ca4-4ff7-a6b7-54652083fcf8"},
			Body: `{"subscriptionId":"00000000-0000-4000-8000-000000000000","notificationId":"{id}","notificationType":"transactions.inbound",` +
				`"notification":{"id":"{uuid}","state":"COMPLETED"},"timestamp":"{time}","version":2}`,
		},
	}
}
