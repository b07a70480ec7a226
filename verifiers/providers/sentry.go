package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(sentry) }

// Compared in November 2026: Sentry's page and its own code (AppPlatformEvent) send
// these four headers. The signature still covers the body alone.
func sentry() verifiers.Provider {
	return verifiers.Provider{
		Name:  "sentry",
		Title: "Sentry",
		Docs: []string{
			"https://docs.sentry.io/organization/integrations/integration-platform/webhooks/",
		},
		Why: "Sentry waits for one second only, and unsubscribes an endpoint after 1,000 timeouts in a day: forward after the answer.",

		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Sentry-Hook-Signature"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:Sentry-Hook-Timestamp}"},
				EventID:   []string{"{header:Request-ID}"},
				EventType: []string{"{header:Sentry-Hook-Resource}.{json:action}", "{header:Sentry-Hook-Resource}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "client secret", Where: "Settings > Custom Integrations > the integration > Client Secret"},
		Freshness: verifiers.Freshness{
			Origin: verifiers.AttemptTime,
			Why:    "Sentry-Hook-Timestamp is outside the signature, so anybody could renew it. No time is signed.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The request's ID is outside the signature, so it counts together with the body. " +
				"An issue that is resolved, opened and resolved again may make equal bodies, so equal bodies need not be one event.",
		},
		Retries: verifiers.Retries{Deadline: time.Second},
		Sample: verifiers.Sample{
			Header: map[string]string{"Sentry-Hook-Resource": "issue"},
			Body: `{"action":"created","installation":{"uuid":"00000000-0000-4000-8000-000000000001"},"data":{"issue":{"id":"1001",` +
				`"title":"Error: example","status":"unresolved","firstSeen":"{time}"}},"actor":{"type":"application","id":"sentry","name":"Sentry"}}`,
		},
	}
}
