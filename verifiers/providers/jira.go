package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(jira) }

func jira() verifiers.Provider {
	return verifiers.Provider{
		Name:  "jira",
		Title: "Jira Cloud",
		Docs: []string{
			"https://developer.atlassian.com/cloud/jira/platform/webhooks/",
		},
		Confirmed: true,
		Why: "Only webhooks that an administrator made with a secret are signed so; sources disagree about those of apps. " +
			"X-Hub-Signature, which elsewhere is SHA-1, is SHA-256 here.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:  []string{"X-Hub-Signature"},
				Prefix: "sha256=",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:timestamp}", Format: "unix_ms"},
				EventID:   []string{"{header:X-Atlassian-Webhook-Identifier}"},
				EventType: []string{"{json:webhookEvent}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "Jira settings > System > WebHooks > the webhook > Secret, where you chose it"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own, and the schedule of retries is not documented. A week outlasts any that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why: "The identifier is the same on every attempt. It is outside the signature, so it counts together with the body. " +
				"Two webhooks to one URL send equal bodies under two identifiers, so a known body need not be a replay.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"User-Agent": "Atlassian Webhook HTTP Client", "X-Atlassian-Webhook-Flow": "Primary"},
			Body: `{"timestamp":{unix}000,"webhookEvent":"jira:issue_created","issue_event_type_name":"issue_created",` +
				`"user":{"accountId":"00000:00000000-0000-4000-8000-000000000001","displayName":"Example"},"issue":{"id":"10001","key":"EX-1","fields":{"summary":"Example"}}}`,
		},
	}
}
