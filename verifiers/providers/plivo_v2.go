package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(plivoV2) }

// Compared in November 2026: plivo 4.79.0 is the newest and judges this row.
func plivoV2() verifiers.Provider {
	return verifiers.Provider{
		Name:  "plivo-v2",
		Title: "Plivo (signature V2)",
		Docs: []string{
			"https://www.plivo.com/docs/messaging/concepts/signature-validation",
			"https://github.com/plivo/plivo-go/blob/master/utils.go",
		},
		Why: "Messages are signed so; calls have signature V3 besides. Only the URL, without its query, and a nonce are signed, and none of the data of the request. " +
			"Behind anything that changes scheme, host or path, give the URL that Plivo calls with public_url. " +
			"An answer URL of a call wants XML back: leave out forward there.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Plivo-Signature-V2"}, Encoding: "base64"},
			Content:   "{url.base}{header:X-Plivo-Signature-V2-Nonce}",
			Facts:     verifiers.Facts{EventType: []string{"{form:CallStatus}", "{form:Status}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "auth token", Where: "Plivo Console > Overview"},
		Methods:   []string{"GET", "POST"},
		Freshness: verifiers.Freshness{Why: "Plivo sends no time."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "The nonce is used once, so a signed content that comes again is a replay. " +
				"A retry of Plivo's has a nonce of its own; the app can tell it by the ID of the call or message.",
		},
		Sample: verifiers.Sample{
			Type:   "application/x-www-form-urlencoded",
			Header: map[string]string{"X-Plivo-Signature-V2-Nonce": "{unix}"},
			Body:   "From=14155550100&MessageUUID={id}&Status=delivered&To=14155550101&Units=1",
		},
	}
}
