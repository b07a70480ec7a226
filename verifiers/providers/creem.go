package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(creem) }

func creem() verifiers.Provider {
	scheme := overBody("hex", "creem-signature")
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:eventType}"}
	return verifiers.Provider{
		Name:  "creem",
		Title: "Creem",
		Docs: []string{
			"https://docs.creem.io/code/webhooks",
			"https://www.npmjs.com/package/creem_io",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "Creem > Developers > Webhooks"},
		Freshness: verifiers.Freshness{Why: "The only time is in the body and is that of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Retries: verifiers.Retries{ // 30 s, 1 m, 5 m, 1 h after one another
			Attempts: 5,
			Horizon:  66*time.Minute + 30*time.Second,
		},
		Sources: verifiers.Sources{
			Retries: "https://docs.creem.io/code/webhooks",
			Answers: "https://docs.creem.io/skills/creem-api/WEBHOOKS",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body: `{"id":"{id}","eventType":"checkout.completed","created_at":{unix}000,"object":{"id":"ch_1001","object":"checkout",` +
				`"status":"completed","mode":"test"}}`,
		},
	}
}
