package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(xendit) }

func xendit() verifiers.Provider {
	return verifiers.Provider{
		Name:  "xendit",
		Title: "Xendit",
		Docs: []string{
			"https://docs.xendit.co/webhook/getting-started/",
			"https://github.com/xendit/demo-store/blob/main/server/integrations/payments-api/payments.yaml",
		},
		Confirmed: true,
		Why:       "The header is a token of the whole account, the same in every request. Only TLS protects it.",
		Scheme: verifiers.Token{
			Names: []string{"X-Callback-Token"},
			Facts: verifiers.Facts{EventType: []string{"{json:event}", "{json:status}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "webhook verification token", Where: "the dashboard, Settings > Webhooks"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "Not every product sends an ID. A body has the object, its state and its time.",
		},
		Retries: verifiers.Retries{Deadline: 30 * time.Second},
		Sample: verifiers.Sample{
			Body: `{"event":"payment.succeeded","business_id":"business-1001","created":"{time}","data":{"id":"{id}","status":"SUCCEEDED",` +
				`"amount":1000,"currency":"IDR"}}`,
		},
	}
}
