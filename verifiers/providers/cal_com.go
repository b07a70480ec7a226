package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(calCom) }

func calCom() verifiers.Provider {
	return verifiers.Provider{
		Name:  "cal-com",
		Title: "Cal.com",
		Docs: []string{
			"https://cal.com/docs/developing/guides/automation/webhooks",
			"https://github.com/calcom/cal.com/blob/main/packages/features/webhooks/lib/sendPayload.ts",
		},
		Why:       "A webhook without a secret sends the words no-secret-provided for a signature: it is malformed.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Cal-Signature-256"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:createdAt}", Format: "rfc3339"},
				EventType: []string{"{json:triggerEvent}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "your own: Settings > Developer > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "There is one attempt, so a week is ample. A webhook with a template of its own need not have the time.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why: "Cal.com never tries again, so a body that comes twice is a replay; the time and the booking distinguish bodies. " +
				"If a template of yours leaves both out, turn dedupe off.",
		},
		Retries: verifiers.Retries{Attempts: 1},
		Sample: verifiers.Sample{
			Body: `{"triggerEvent":"BOOKING_CREATED","createdAt":"{time}","payload":{"type":"60min","title":"60min between Pro and John",` +
				`"startTime":"{time}","uid":"{id}","bookingId":91,"status":"ACCEPTED"}}`,
		},
	}
}
