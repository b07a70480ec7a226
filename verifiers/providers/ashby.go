package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(ashby) }

func ashby() verifiers.Provider {
	return verifiers.Provider{
		Name:      "ashby",
		Title:     "Ashby",
		Docs:      []string{"https://developers.ashbyhq.com/docs/authenticating-webhooks", "https://developers.ashbyhq.com/reference/pingwebhook"},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Ashby-Signature"}, Prefix: "sha256="},
			Content:   "{body}",
			Facts:     verifiers.Facts{EventType: []string{"{json:action}"}},
		},
		Secret: verifiers.SecretInfo{Name: "secret token", Where: "your own: Admin > Integrations > Webhooks > the webhook"},
		Handshakes: []verifiers.Handshake{{ // asks whether the URL is live
			Name:     "ping",
			When:     []verifiers.Condition{{Of: "{json:action}", Is: []string{"ping"}}},
			Verified: true,
		}},
		Freshness: verifiers.Freshness{Why: "Ashby sends no time but those of the application or candidate."},
		Dedupe: verifiers.Dedupe{
			By:  verifiers.ByNothing,
			Why: "There is no ID of the event, and it is not known that two events never have the same body.",
		},
		Sample: verifiers.Sample{
			Body: `{"action":"candidateStageChange","data":{"application":{"id":"{id}","createdAt":"{time}","updatedAt":"{time}","status":"Active",` +
				`"currentInterviewStage":{"id":"a8e4c0a5-1d8f-4a5e-8a3d-3c1f3c9c3f70","title":"Phone screen"}}}}`,
		},
	}
}
