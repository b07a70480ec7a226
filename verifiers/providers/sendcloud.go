package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(sendcloud) }

func sendcloud() verifiers.Provider {
	scheme := overBody("hex", "Sendcloud-Signature")
	scheme.EventType = []string{"{json:action}"}
	return verifiers.Provider{
		Name:      "sendcloud",
		Title:     "Sendcloud",
		Docs:      []string{"https://api.sendcloud.dev/docs/sendcloud-public-api"},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret key", Where: "Settings > Integrations > the integration: the secret of its API keys"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID. A body has the time of its event.",
		},
		Sample: verifiers.Sample{
			Body: `{"action":"parcel_status_changed","timestamp":{unix}000,"parcel":{"id":34,"external_reference":"{id}",` +
				`"tracking_number":"S0M3TR4Ck1NgNumB3r","status":{"id":11,"message":"Delivered"}}}`,
		},
	}
}
