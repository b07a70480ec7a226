package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(lever) }

func lever() verifiers.Provider {
	return verifiers.Provider{
		Name:  "lever",
		Title: "Lever",
		Docs:  []string{"https://hire.lever.co/developer/documentation#webhooks"},
		Why: "The signature stands in the body and covers a token and a time, not the event. Anybody who has seen one request can send " +
			"another body with them, until the token is used or the time is up.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{From: "json", Names: []string{"signature"}},
			Content:   "{json:token}{json:triggeredAt}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:triggeredAt}", Format: "unix_ms"},
				EventID:   []string{"{json:token}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signature token", Where: "Settings > Integrations and API > Webhooks"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(7 * 24 * time.Hour),
			Why: "A retry does not renew the time, and how long Lever tries is not known: a week is ample. The limit is there because the body " +
				"is not signed: no token must outlive the memory of its use.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       8 * 24 * time.Hour,
			UniqueBodies: true,
			Why:          "The token is signed and belongs to one event; nothing else in the body is.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{uuid}","event":"candidateStageChange","triggeredAt":{unix}000,"token":"{id}","signature":"",` +
				`"data":{"opportunityId":"50dad4bd-6ae5-4ba9-a4b4-2b4a3a6d6c1e","fromStageId":"applicant-new","toStageId":"phone-screen"}}`,
		},
	}
}
