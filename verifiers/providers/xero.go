package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(xero) }

func xero() verifiers.Provider {
	return verifiers.Provider{
		Name:  "xero",
		Title: "Xero",
		Docs:  []string{"https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/"},
		Why: "The webhooks key looks like base64 and is used as the text it is. Before a webhook is activated, Xero sends requests without events, some " +
			"signed rightly and some wrongly. It wants 200 and 401 with neither body nor cookies.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"x-xero-signature"},
				Encoding: "base64",
			},
			Content: "{body}",
		},
		Secret: verifiers.SecretInfo{Name: "webhooks key", Where: "developer.xero.com > My Apps > the app > Webhooks"},
		Handshakes: []verifiers.Handshake{{
			Name:     "intent_to_receive",
			When:     []verifiers.Condition{{Of: "{json:events.#}", Is: []string{"0"}}},
			Verified: true,
		}},
		Freshness: verifiers.Freshness{Why: "Each event of a batch has a time of its own; the batch has none."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A body is a batch of events with the numbers of the first and the last.",
		},
		Answers: verifiers.Answers{
			Success: verifiers.Answer{Status: 200},
			Refused: verifiers.Answer{Status: 401},
		},
		Retries: verifiers.Retries{Deadline: 5 * time.Second, Horizon: 24 * time.Hour},
		Sample: verifiers.Sample{
			Body: `{"events":[{"resourceId":"{uuid}","eventDateUtc":"{time}","eventType":"UPDATE","eventCategory":"CONTACT",` +
				`"tenantId":"c2cc9b6e-9458-4c7d-93cc-f02b81b0594f","tenantType":"ORGANISATION"}],"firstEventSequence":1,"lastEventSequence":1,"entropy":"{id}"}`,
		},
	}
}
