package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(klaviyo) }

func klaviyo() verifiers.Provider {
	return verifiers.Provider{
		Name:  "klaviyo",
		Title: "Klaviyo (system webhooks)",
		Docs:  []string{"https://developers.klaviyo.com/en/docs/system-webhooks"},
		Why:   "Requests of a flow's webhook action are not signed; this is for webhooks made with the API.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Klaviyo-Signature"}},
			Content:   "{body}{timestamp}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:Klaviyo-Timestamp}", Format: "rfc1123"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret key", Where: "your own: secret_key of Create Webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: withinWeek,
			Why: "The time is when the request was sent. Klaviyo does not say whether a retry renews it; a week outlasts any " +
				"schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "A body holds several events, each with an ID of its own; the header's ID is the webhook's.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"Klaviyo-Webhook-Id": "01HQZKQN2VTZC1V1S4JSKH7Y8A"},
			Body: `{"data":[{"topic":"event:klaviyo.opened_email","external_id":"{id}","payload":{"data":{"type":"event","id":"{id}"}}}],` +
				`"meta":{"timestamp":"{time}","klaviyo_webhook_id":"01HQZKQN2VTZC1V1S4JSKH7Y8A","version":1}}`,
		},
	}
}
