package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(shippo) }

func shippo() verifiers.Provider {
	scheme := timedList("Shippo-Auth-Signature", "t", "v1")
	scheme.EventType = []string{"{json:event}"}
	return verifiers.Provider{
		Name:   "shippo",
		Title:  "Shippo",
		Docs:   []string{"https://docs.goshippo.com/tracking/webhook-security"},
		Why:    "Shippo's staff turn the signature on; without it there is a token in the URL at most.",
		Scheme: scheme,
		Secret: verifiers.SecretInfo{Name: "HMAC secret", Where: "Shippo's support, which sets it up"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "There is no event ID. The body has the time of the status.",
		},
		Retries: verifiers.Retries{Deadline: 3 * time.Second},
		Sample: verifiers.Sample{
			Body: `{"event":"track_updated","test":true,"data":{"carrier":"shippo","tracking_number":"SHIPPO_TRANSIT",` +
				`"tracking_status":{"object_id":"{id}","status":"TRANSIT","status_date":"{time}"}}}`,
		},
	}
}
