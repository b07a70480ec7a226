package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(mandrill) }

func mandrill() verifiers.Provider {
	return verifiers.Provider{
		Name:  "mandrill",
		Title: "Mailchimp Transactional (Mandrill)",
		Docs: []string{
			"https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/#authenticating-webhook-requests",
			"https://mandrill.zendesk.com/hc/en-us/articles/205583257-How-to-Authenticate-Webhook-Requests",
		},
		Confirmed: true,
		Why: "The URL is signed in the spelling that Mandrill was given: behind anything that changes scheme, host or path, give it " +
			"with public_url. When a webhook is made, Mandrill calls the URL with HEAD. Then it sends an empty list of events, signed with a key of its own.",
		Scheme: verifiers.HMAC{
			Hash: "sha1",
			Signature: verifiers.Signature{
				Names:    []string{"X-Mandrill-Signature"},
				Encoding: "base64",
			},
			Content: "{url}{form.sorted}",
			Facts: verifiers.Facts{
				EventType: []string{"{json:0.event}", "{json:0.type}"},
				Document:  []string{"{form:mandrill_events}"},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:  "webhook key",
			Where: "Settings > Webhooks > the webhook",
		},
		Handshakes: []verifiers.Handshake{
			{
				Name:   "url_check",
				Method: "HEAD",
			},
			{
				Name: "no_events",
				When: []verifiers.Condition{{Of: "{form:mandrill_events}", Is: []string{"[]"}}},
			},
		},
		Freshness: verifiers.Freshness{
			Why: "Each event of a batch has a time of its own.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A request has several events, each with an ID and a time, and none of its own.",
		},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: "mandrill_events=%5B%7B%22event%22%3A%22open%22%2C%22_id%22%3A%22{uuid}%22%2C%22ts%22%3A{unix}%7D%5D",
		},
	}
}
