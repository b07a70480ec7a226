package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(airtable) }

func airtable() verifiers.Provider {
	return verifiers.Provider{
		Name:  "airtable",
		Title: "Airtable",
		Docs: []string{
			"https://airtable.com/developers/web/api/webhooks-overview",
			"https://pyairtable.readthedocs.io/en/stable/webhooks.html",
		},
		Confirmed: true,
		Why:       "A request says only that something changed. Fetch the change from Airtable's list of payloads.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Airtable-Content-MAC"}, Prefix: "hmac-sha256="},
			Secret:    verifiers.SecretFormat{Encoding: "base64"},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:timestamp}", Format: "rfc3339"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "macSecretBase64", Where: "the answer to Create a webhook; it is shown there only"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "Airtable does not say whether a retry renews the time in the signed body. A week outlasts any retry that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "There is no ID of the event, but the body has a time in milliseconds. Two alike would ask for the same thing.",
		},
		Sample: verifiers.Sample{Body: `{"base":{"id":"app00000000000000"},"webhook":{"id":"ach00000000000000"},"timestamp":"{time}"}`},
	}
}
