package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(checkr) }

func checkr() verifiers.Provider {
	return verifiers.Provider{
		Name:  "checkr",
		Title: "Checkr",
		Docs: []string{
			"https://docs.checkr.com/#section/Webhooks",
			"https://github.com/checkr/webhook-verification-examples/blob/main/verify_signature.js",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Checkr-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:created_at}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "API key, or the OAuth app's client secret", Where: "Dashboard > Account Settings > Developer"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "The time is the event's own, and a retry does not renew it. The schedule of retries is not documented; a week " +
				"outlasts any that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The event's ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","object":"event","type":"report.completed","created_at":"{time}","webhook_url":"https://hooks.example.com/checkr",` +
				`"data":{"object":{"id":"4722c07dd9a10c3985ae432a","object":"report","status":"clear"}},"account_id":"7ef4ba2f04ac1b4d61f5a2f3"}`,
		},
	}
}
