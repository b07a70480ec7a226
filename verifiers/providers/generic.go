package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(generic) }

// generic is the plainest of the signed kinds: a bare HMAC of the body.
func generic() verifiers.Provider {
	return verifiers.Provider{
		Name:      "generic",
		Title:     "Generic",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Webhook-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:created_at}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "webhook secret", Where: "the sender's settings of the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(4 * time.Hour),
			Why:       "The time is the event's own, signed with the body; the last of the retries comes 2 h 36 m later.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       24 * time.Hour,
			UniqueBodies: true,
			Why:          "The ID (evt_…) stands in the signed body.",
		},
		Answers: verifiers.Answers{
			Success: verifiers.Answer{Status: 200, Type: "application/json", Body: `{"status":"received"}`},
			Refused: verifiers.Answer{Status: 401, Type: "application/json", Body: `{"error":"Invalid signature"}`},
		},
		Retries: verifiers.Retries{ // at once, 1 m, 5 m, 30 m, 2 h; then it disables the webhook
			Deadline: 5 * time.Second,
			Attempts: 5,
			Horizon:  2*time.Hour + 36*time.Minute,
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body:     `{"id":"{id}","type":"order.created","created_at":"{time}","data":{"order_id":"ord_1001","amount":4200,"currency":"EUR"}}`,
		},
	}
}
