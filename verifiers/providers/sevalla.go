package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(sevalla) }

func sevalla() verifiers.Provider {
	return verifiers.Provider{
		Name:  "sevalla",
		Title: "Sevalla",
		Docs: []string{
			"https://api-docs.sevalla.com/v3/webhook-events",
			"https://docs.sevalla.com/company-settings/webhooks",
			"https://docs.sevalla.com/developer-tools/webhooks",
		},
		Why: "Nothing is signed, whatever the header's name says: svl-signature is the secret itself, so anybody who has seen one " +
			"request can make any other.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"Svl-Signature"},
			Facts: verifiers.Facts{
				EventID:   []string{"{json:event_id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "Tools > Webhooks > the webhook; it starts with whsec_", Prefix: "whsec_"},
		Freshness: verifiers.Freshness{Why: "No time of the attempt is sent."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       8 * 24 * time.Hour,
			UniqueBodies: false,
			Why:          "The ID is in the body, for which the token vouches, and is the same on each attempt. event_delivery_id is the attempt's.",
		},
		Retries: verifiers.Retries{Attempts: 13, Horizon: 176 * time.Hour},
		Sources: verifiers.Sources{Retries: "https://docs.sevalla.com/company-settings/webhooks"},
		Sample: verifiers.Sample{
			Body: `{"webhook_id":"d5f8a1c2-3b4e-5f6a-7b8c-9d0e1f2a3b4c","event_id":"{id}","event_delivery_id":"{uuid}",` +
				`"type":"APP_DEPLOY","data":{"status":"finished","at":"{time}"}}`,
		},
	}
}
