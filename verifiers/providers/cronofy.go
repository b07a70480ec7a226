package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(cronofy) }

func cronofy() verifiers.Provider {
	scheme := overBody("base64", "Cronofy-HMAC-SHA256")
	scheme.Signature.Groups = ","
	scheme.EventType = []string{"{json:notification.type}"}
	return verifiers.Provider{
		Name:  "cronofy",
		Title: "Cronofy (push notifications)",
		Docs: []string{
			"https://docs.cronofy.com/developers/api/push-notifications/create-channel/",
			"https://github.com/cronofy/cronofy-ruby/blob/master/lib/cronofy/client.rb",
		},
		Why:       "The header may list several signatures, one for each secret in use. Any may match.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "client secret", Where: "Cronofy's developer dashboard, the application's credentials"},
		Freshness: verifiers.Freshness{Why: "A notification says since when there are changes, and has no time of its own."},
		Dedupe: verifiers.Dedupe{
			By:  verifiers.ByNothing,
			Why: "There is no event ID, and two changes may make equal bodies. A notification says only that there is something to read.",
		},
		Sample: verifiers.Sample{
			Body: `{"notification":{"type":"change","changes_since":"{time}"},"channel":{"channel_id":"chn_1001",` +
				`"callback_url":"https://hooks.example.com/in","filters":{}}}`,
		},
	}
}
