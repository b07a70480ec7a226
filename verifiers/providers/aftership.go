package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(aftership) }

func aftership() verifiers.Provider {
	scheme := overBody("base64", "Aftership-Hmac-Sha256", "As-Signature-Hmac-Sha256", "Am-Webhook-Signature")
	scheme.EventType = []string{"{json:event}"}
	scheme.Signature.Prefix, scheme.Signature.OptionalPrefix = "hmac-sha256=", true
	return verifiers.Provider{
		Name:  "aftership",
		Title: "AfterShip",
		Docs: []string{
			"https://www.aftership.com/docs/tracking/webhook/webhook-signature",
			"https://www.aftership.com/docs/returns/2024-07/webhook/signature",
		},
		Why: "Tracking, then Returns and Warranty, then organisations from before both: each has a header of its own, the last " +
			"with a prefix.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "Settings > Notifications > Webhooks"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       168 * time.Hour,
			UniqueBodies: true,
			Why:          "An event ID is not documented for all products. A body has the time of its event.",
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
