package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(taskflow) }

func taskflow() verifiers.Provider {
	return verifiers.Provider{
		Name:  "taskflow",
		Title: "TaskFlow",
		Why: "X-TaskFlow-Delivery-ID is another one on each attempt and is not signed: " +
			"it is passed on but identifies no event.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:  []string{"X-TaskFlow-Signature"},
				Prefix: "sha256=",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:timestamp}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}", "{header:X-TaskFlow-Event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "webhook secret", Where: "TaskFlow's settings of the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(8 * time.Hour),
			Why:       "The time is the event's own, signed with the body; the last of the retries comes 7 h 6 m later.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       24 * time.Hour,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Answers: verifiers.Answers{
			Success: verifiers.Answer{Status: 200, Type: "text/plain; charset=utf-8", Body: "OK"},
		},
		Retries: verifiers.Retries{ // after 5 s, 30 s, 5 m, 1 h, 6 h
			Deadline: 5 * time.Second,
			Attempts: 6,
			Horizon:  7*time.Hour + 6*time.Minute,
		},
		MaxBody:   10 << 20,
		Largest:   10 << 20,
		AttemptID: "X-TaskFlow-Delivery-ID",
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Header: map[string]string{
				"X-TaskFlow-Event":       "task.completed",
				"X-TaskFlow-Delivery-ID": "{uuid}",
			},
			Body: `{"id":"{id}","type":"task.completed","timestamp":"{time}","data":{"task_id":"task_1001","status":"completed"}}`,
		},
	}
}
