package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(toolify) }

// toolify sends its API key instead of a signature.
func toolify() verifiers.Provider {
	return verifiers.Provider{
		Name:  "toolify",
		Title: "Toolify",
		Why: "The header called a signature holds the API key itself, so anybody who sees one request can make others. " +
			"Only TLS protects it; the tolerance and the deduplication limit the effect of an honest resend.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"X-Webhook-Signature"},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:timestamp}", Format: "rfc3339"},
				EventID:   []string{"{json:event}:{json:task.id}:{json:timestamp}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "API key", Where: "Toolify's settings"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(30 * time.Minute),
			Why:       "The time is the event's own; the last of the retries comes 18 minutes later.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       24 * time.Hour,
			UniqueBodies: true,
			Why:          "There is no ID, but one task has one event of a kind at one moment. The token vouches for all three.",
		},
		Answers: verifiers.Answers{
			Success: verifiers.Answer{Status: 200, Type: "application/json", Body: `{"received": true}`},
			Refused: verifiers.Answer{Status: 401, Type: "application/json", Body: `{"error":"Invalid signature"}`},
		},
		Retries: verifiers.Retries{ // at once, 5 s, 30 s, 2 m, 5 m, 10 m
			Deadline: 30 * time.Second,
			Attempts: 6,
			Horizon:  18 * time.Minute,
		},
		Sample: verifiers.Sample{
			IDPrefix: "task_",
			Body:     `{"event":"task.completed","timestamp":"{time}","task":{"id":"{id}","status":"completed","result":{"rows":42}}}`,
		},
	}
}
