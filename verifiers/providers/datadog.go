package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(datadog) }

func datadog() verifiers.Provider {
	return verifiers.Provider{
		Name:  "datadog",
		Title: "Datadog",
		Docs: []string{
			"https://docs.datadoghq.com/integrations/webhooks/",
			"https://github.com/DataDog/documentation/blob/master/content/es/integrations/webhooks.md",
		},
		Confirmed: true,
		Why: "Nothing is signed. The user and the password stand in the URL that is configured (https://user:password@…); " +
			"where a header is configured instead, say from header and its name. They prove nothing of the body. " +
			"The form of the body is configured with the webhook: the default is assumed.",
		Scheme: verifiers.Token{
			From:  "basic",
			Facts: verifiers.Facts{EventType: []string{"{json:event_type}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "user:password", Where: "Integrations > Webhooks > the webhook > URL, where you chose both"},
		Freshness: verifiers.Freshness{Why: "The default body has the event's own times only, in a form of its own."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: week,
			Why:    "The ID in the default body is that of the monitor's event; with the time beside it, equal bodies are one notification.",
		},
		Sample: verifiers.Sample{
			Body: `{"body":"Example alert","last_updated":"{unix}000","event_type":"metric_alert_monitor","title":"[Triggered] Example",` +
				`"date":"{unix}000","org":{"id":"1001","name":"Example"},"id":"{id}"}`,
		},
	}
}
