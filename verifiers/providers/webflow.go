package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(webflow) }

// Compared in November 2026: webflow-api 3.3.4 is the newest and judges this row.
func webflow() verifiers.Provider {
	return verifiers.Provider{
		Name:  "webflow",
		Title: "Webflow",
		Docs: []string{
			"https://developers.webflow.com/data/docs/working-with-webhooks#validating-request-signatures",
			"https://developers.webflow.com/data/changelog/webhook-signatures",
			"https://github.com/webflow/js-webflow-api/blob/master/src/wrapper/WebhooksClient.ts",
		},
		Why:       "Only webhooks that an OAuth application or the API makes are signed; those of a site's dashboard may not be.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Webflow-Signature"}},
			Content:   "{timestamp}:{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Webflow-Timestamp}", Format: "unix_ms"},
				EventType: []string{"{json:triggerType}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "OAuth application's client secret", Where: "Workspace settings > Apps & Integrations > the app"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Webflow asks for 5 minutes; the time is when the request was sent.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no ID of the event, but its payload has its own ID and time.",
		},
		Retries: verifiers.Retries{Attempts: 3},
		Sources: verifiers.Sources{
			Retries: "https://developers.webflow.com/changelog/webhook-retries",
		},
		Sample: verifiers.Sample{
			Body: `{"triggerType":"form_submission","payload":{"name":"Contact Us","siteId":"65427cf400e02b306eaa049c","data":{"First Name":"Zaphod"},` +
				`"submittedAt":"{time}","id":"{id}","formId":"65429eadebe8a9f3a30f62d0"}}`,
		},
	}
}
