package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(helpscout) }

func helpscout() verifiers.Provider {
	return verifiers.Provider{
		Name:  "helpscout",
		Title: "Help Scout",
		Docs: []string{
			"https://developer.helpscout.com/webhooks/",
			"https://github.com/helpscout/helpscout-api-php/blob/master/src/Webhooks/IncomingWebhook.php",
		},
		Why:       "Help Scout signs with SHA-1 and has nothing newer; as HMAC it is not known to be broken.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Hash:      "sha1",
			Signature: verifiers.Signature{Names: []string{"X-HelpScout-Signature"}, Encoding: "base64"},
			Content:   "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{header:X-HelpScout-Event}:{json:id}"},
				EventType: []string{"{header:X-HelpScout-Event}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "secret key", Where: "Manage > Apps > Webhooks"},
		Freshness: verifiers.Freshness{Why: "The body is the conversation or customer with its own times; there is none of the event."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "There is no ID of the event. Two events at once can have the same body, the conversation as it now is. Only the header that names the " +
				"event differs, so that counts together with the body.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-HelpScout-Event": "convo.created"},
			Body: `{"id":{unix},"number":12,"threads":1,"type":"email","status":"active","state":"published","subject":"Help","mailboxId":85,` +
				`"createdAt":"{time}","userUpdatedAt":"{time}"}`,
		},
	}
}
