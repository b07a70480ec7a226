package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(recurly) }

func recurly() verifiers.Provider {
	return verifiers.Provider{
		Name:  "recurly",
		Title: "Recurly",
		Docs: []string{
			"https://docs.recurly.com/recurly-subscriptions/docs/signature-verification",
			"https://docs.recurly.com/recurly-subscriptions/docs/automatic-retries",
			"https://github.com/recurly/recurly-client-go/blob/v4-master/webhook.go",
			"https://github.com/recurly/recurly-client-ruby/blob/v3-v2021-02-25/spec/recurly/webhooks_spec.rb",
		},
		Why: "Endpoints for JSON only; those for XML are not signed. The list has the time and then the signatures, two of them for " +
			"24 hours after a key was rotated. Recurly's text and library give the time in milliseconds, its example in seconds: both are taken.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"recurly-signature"},
				Separator: ",",
				Keys:      []string{"1", "2", "3", "4"},
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:0}", Format: "unix_auto"},
				EventType: []string{"{json:object_type}.{json:event_type}", "{json:event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret key", Where: "Integrations > Webhooks > the endpoint"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The time is that of the attempt; Recurly's library allows 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       96 * time.Hour,
			UniqueBodies: true,
			Why:          "The body's id is that of the object, not of the event. The event and its time stand beside it.",
		},
		Retries: verifiers.Retries{Attempts: 11, Horizon: 73 * time.Hour},
		Sources: verifiers.Sources{
			Retries: "https://docs.recurly.com/recurly-subscriptions/docs/automatic-retries",
			Answers: "https://docs.recurly.com/recurly-subscriptions/docs/automatic-retries",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","object_type":"account","site_id":"qc326l1hl8k9","event_type":"created","event_time":"{time}","account_code":"customer-1001"}`,
		},
	}
}
