package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() {
	register(meta)
	register(facebook)
	register(instagram)
	register(whatsapp)
}

func meta() verifiers.Provider {
	return metaRow("meta", "Meta", "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
		`{"object":"permissions","entry":[{"id":"1067280970047460","time":{unix},"changed_fields":["email"]}]}`)
}

func facebook() verifiers.Provider {
	p := metaRow("facebook", "Facebook Pages and Messenger", "https://developers.facebook.com/documentation/business-messaging/messenger-platform/webhooks",
		`{"object":"page","entry":[{"id":"682498171943165","time":{unix}000,"messaging":[{"sender":{"id":"2494432963985342"},`+
			`"recipient":{"id":"682498171943165"},"timestamp":{unix}000,"message":{"mid":"m_{id}","text":"Hello"}}]}]}`)
	p.Sources.Retries = "" // Messenger repeats at other times
	return p
}

func instagram() verifiers.Provider {
	return metaRow("instagram", "Instagram", "https://developers.facebook.com/documentation/instagram-platform/webhooks/setup",
		`{"object":"instagram","entry":[{"id":"17841405726653026","time":{unix},"changes":[{"field":"comments",`+
			`"value":{"id":"17865799348089039","text":"Lovely","media":{"id":"18023345989012587","media_product_type":"FEED"}}}]}]}`)
}

func whatsapp() verifiers.Provider {
	p := metaRow("whatsapp", "WhatsApp Business Platform", "https://developers.facebook.com/docs/whatsapp/cloud-api/guides/set-up-webhooks",
		`{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"value":{"messaging_product":"whatsapp",`+
			`"metadata":{"display_phone_number":"15550783881","phone_number_id":"106540352242922"},"messages":[{"from":"16505551234",`+
			`"id":"wamid.{id}","timestamp":"{unix}","text":{"body":"Hello"},"type":"text"}]},"field":"messages"}]}]}`)
	p.Docs = append(p.Docs, "https://github.com/WhatsApp/WhatsApp-Nodejs-SDK/blob/main/src/api/webhooks.ts")
	p.Retries.Horizon = 7 * 24 * time.Hour
	p.Dedupe.Window = 8 * 24 * time.Hour
	p.Sources.Retries = "https://docs.360dialog.com/partner/messaging/receiving-messages-via-webhook"
	return p
}

// metaRow makes a row of one of Meta's products, which differ in their bodies
// only. Compared in November 2026: SHA-256 in X-Hub-Signature-256 is still the newest
// signature, as WhatsApp's library checks it.
func metaRow(name, title, docs, sample string) verifiers.Provider {
	return verifiers.Provider{
		Name:  name,
		Title: title,
		Docs: []string{
			docs,
			"https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
			"https://github.com/fbsamples/business-messaging-sample-tech-provider-app/blob/main/CONTRIBUTING.md",
		},
		Confirmed: true,
		Why: "Meta signs the body as it sends it, with letters beyond ASCII escaped (\\u00e9): bytes that were parsed and written anew no longer match. " +
			"The older X-Hub-Signature with SHA-1 comes along and is not looked at.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Hub-Signature-256"}, Prefix: "sha256="},
			Content:   "{body}",
			Facts:     verifiers.Facts{EventType: []string{"{json:object}"}},
		},
		Secret: verifiers.SecretInfo{Name: "app secret", Where: "App Dashboard > App settings > Basic"},
		Options: []verifiers.Option{{
			Name:    "verify_token",
			What:    "the verify token that you chose, without spaces, for App Dashboard > Webhooks; without it the URL cannot be registered there",
			Secret:  true,
			Pattern: "[!-~]{1,256}",
			Example: "a-token-of-your-choice",
		}},
		Handshakes: []verifiers.Handshake{{
			Name:   "verification",
			Method: "GET",
			When:   []verifiers.Condition{{Of: "{query:hub.mode}", Is: []string{"subscribe"}}},
			Guard: []verifiers.Condition{
				{Of: "{query:hub.verify_token}", Is: []string{"{option:verify_token}"}},
				{Of: "{query:hub.challenge}", Like: "[A-Za-z0-9_-]{1,256}"},
			},
			Body: "{query:hub.challenge}",
		}},
		Freshness: verifiers.Freshness{Why: "The times in the body are those of the events, of which there may be several; a retry does not renew them."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A body may hold several events and has no ID of its own; the times and IDs of the events distinguish bodies.",
		},
		Retries: verifiers.Retries{Horizon: 36 * time.Hour},
		Sources: verifiers.Sources{Retries: "https://developers.facebook.com/docs/graph-api/webhooks/getting-started"},
		Sample:  verifiers.Sample{Body: sample},
	}
}
