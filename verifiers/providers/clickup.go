package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(clickup) }

func clickup() verifiers.Provider {
	return verifiers.Provider{
		Name:  "clickup",
		Title: "ClickUp",
		Docs: []string{
			"https://developer.clickup.com/docs/webhooksignature",
			"https://developer.clickup.com/docs/webhookhealth",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{json:webhook_id}:{json:event}:{json:history_items.0.id}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "webhook.secret", Where: "the answer to Create Webhook"},
		Freshness: verifiers.Freshness{Why: "ClickUp sends no time but those of the history items."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "A history item's ID belongs to one change, of which several events may tell: the event belongs to the key. " +
				"Events without a history item have nothing to be recognised by and all pass.",
		},
		Retries: verifiers.Retries{Deadline: 7 * time.Second, Attempts: 5},
		Sample: verifiers.Sample{
			Body: `{"event":"taskStatusUpdated","history_items":[{"id":"{id}","type":1,"date":"{unix}000","field":"status","parent_id":"162641062",` +
				`"user":{"id":183,"username":"John"},"before":{"status":"to do"},"after":{"status":"in progress"}}],"task_id":"1vj38vv",` +
				`"webhook_id":"7fa3ec74-69a8-4530-a251-8a13730bd204"}`,
		},
	}
}
