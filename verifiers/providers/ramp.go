package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(ramp) }

func ramp() verifiers.Provider {
	scheme := overBody("hex", "X-Ramp-Signature")
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "ramp",
		Title: "Ramp",
		Docs:  []string{"https://docs.ramp.com/developer-api/v1/webhooks"},
		Why: "Ramp the corporate card, not Ramp Network. A new subscription begins with an event webhooks.verification, which is " +
			"forwarded like others. Its challenge has to be given back by a call to the API, not in the answer.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the answer that made the subscription"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body and is the same on a retry.",
		},
		Retries: verifiers.Retries{
			Deadline: 10 * time.Second,
			Attempts: 10,
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","type":"transactions.cleared","created_at":"{time}","business_id":"business-1001","object":{"id":"{uuid}",` +
				`"type":"transaction"}}`,
		},
	}
}
