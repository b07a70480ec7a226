package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(revolut) }

func revolut() verifiers.Provider {
	scheme := verifiers.HMAC{
		Signature: verifiers.Signature{
			Names:     []string{"Revolut-Signature"},
			Separator: ",",
			Assign:    "=",
			Keys:      []string{"v1"},
		},
		Content: "v1.{timestamp}.{body}",
	}
	scheme.Timestamp = verifiers.Timestamp{From: "{header:Revolut-Request-Timestamp}", Format: "unix_ms"}
	scheme.EventID = []string{"{json:event}:{json:data.id}:{json:timestamp}", timeAndBody}
	scheme.EventType = []string{"{json:event}"}
	return verifiers.Provider{
		Name:      "revolut",
		Title:     "Revolut",
		Docs:      []string{"https://developer.revolut.com/docs/guides/merchant/monitor-and-observe/webhooks/verify-the-payload-signature"},
		Why:       "The same for Business and Merchant accounts. While two signing secrets are active the header has two signatures.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the webhook's details; it starts with wsk_", Prefix: "wsk_"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "It is the moment of the delivery; Revolut asks for 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "A Business event is recognised by its kind, its object and its time. A Merchant event has no time: an order whose payment " +
				"is declined twice sends the same body twice. So there the time of the delivery counts with it, and a retry is another event.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"TransactionStateChanged","timestamp":"{time}","data":{"id":"{id}","request_id":"request-1001",` +
				`"old_state":"pending","new_state":"completed"}}`,
		},
	}
}
