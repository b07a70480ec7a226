package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(aftership) }

func aftership() verifiers.Provider {
	scheme := overBody("base64", "Aftership-Hmac-Sha256", "As-Signature-Hmac-Sha256", "Am-Webhook-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{json:ts}"}
	scheme.EventID = []string{"{json:event_id}"}
	scheme.EventType = []string{"{json:event}"}
	scheme.Signature.Prefix, scheme.Signature.OptionalPrefix = "hmac-sha256=", true
	return verifiers.Provider{
		Name:  "aftership",
		Title: "AfterShip",
		Docs: []string{
			"https://www.aftership.com/docs/tracking/webhook/webhook-signature",
			"https://www.aftership.com/docs/tracking/2025-01/webhook/webhook-specifications",
			"https://www.aftership.com/docs/returns/2024-07/webhook/signature",
		},
		Why: "Tracking, then Returns and Warranty, then organisations from before both: each has a header of its own, the last " +
			"with a prefix.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "Settings > Notifications > Webhooks"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is that of the event. Retries go on for 137 hours, which a week outlasts.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why: "event_id stands in the signed body. It is not documented for every product: where it is missing the body counts, " +
				"which has the time of its event.",
		},
		Retries: verifiers.Retries{ // 2^n · 30 s
			Attempts: 15,
			Horizon:  137 * time.Hour,
		},
		Sample: verifiers.Sample{
			Body: `{"event_id":"{id}","event":"tracking_update","ts":{unix},"msg":{"id":"trk-1001","tracking_number":"1111111111111",` +
				`"slug":"ups","tag":"InTransit"}}`,
		},
	}
}
