package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(docusignConnect) }

func docusignConnect() verifiers.Provider {
	return verifiers.Provider{
		Name:  "docusign-connect",
		Title: "Docusign Connect",
		Docs: []string{
			"https://developers.docusign.com/platform/webhooks/connect/hmac/",
			"https://developers.docusign.com/platform/webhooks/connect/validate/",
		},
		Why: "There is a signature for each of the account's keys, in a header of its own, of which ten are looked at. The row is for messages in JSON; " +
			"the older XML is refused as malformed unless event_type is given another place.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names: []string{
					"X-DocuSign-Signature-1", "X-DocuSign-Signature-2", "X-DocuSign-Signature-3", "X-DocuSign-Signature-4", "X-DocuSign-Signature-5",
					"X-DocuSign-Signature-6", "X-DocuSign-Signature-7", "X-DocuSign-Signature-8", "X-DocuSign-Signature-9", "X-DocuSign-Signature-10",
				},
				All:      true,
				Encoding: "base64",
			},
			Content: "{body}",
			Facts:   verifiers.Facts{EventType: []string{"{json:event}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "HMAC key", Where: "Settings > Connect > Connect Keys"},
		Freshness: verifiers.Freshness{Why: "The body has the time at which the event was made; Docusign does not say whether a retry renews it."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "There is no ID of the event: one and the same thing can happen to an envelope again. The body has its time, but also counts the retries, " +
				"so a retry passes as another event. The app can tell it by the envelope, the event and the time.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"envelope-completed","apiVersion":"v2.1","uri":"/restapi/v2.1/accounts/a1b2c3d4/envelopes/{id}","retryCount":0,` +
				`"configurationId":10447079,"generatedDateTime":"{time}","data":{"accountId":"a1b2c3d4","userId":"e5f6a7b8","envelopeId":"{id}"}}`,
		},
	}
}
