package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(zendesk) }

func zendesk() verifiers.Provider {
	return verifiers.Provider{
		Name:  "zendesk",
		Title: "Zendesk",
		Docs: []string{
			"https://developer.zendesk.com/documentation/webhooks/verifying/",
			"https://developer.zendesk.com/api-reference/webhooks/webhooks-api/webhooks/",
		},
		Why: "A webhook may be of any method; one of GET or DELETE has no body, and only its time is signed. " +
			"The author of a trigger writes the body of its webhook.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Zendesk-Webhook-Signature"}, Encoding: "base64"},
			Content:   "{timestamp}{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Zendesk-Webhook-Signature-Timestamp}", Format: "rfc3339"},
				EventID:   []string{"{header:X-Zendesk-Webhook-Invocation-Id}"},
			},
		},
		Secret:  verifiers.SecretInfo{Name: "signing secret", Where: "Admin Center > Apps and integrations > Webhooks > the webhook > Reveal secret"},
		Methods: []string{"POST", "GET", "PUT", "PATCH", "DELETE"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       "Zendesk names no limit and does not say whether a retry renews the signed time.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why: "An invocation keeps its ID through its attempts. The ID is outside the signature, so it counts together with the body. " +
				"Bodies need not differ, since their authors write them.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Zendesk-Account-Id": "123456", "X-Zendesk-Webhook-Id": "01F1KRFQ6BG29CNWFR60NK5FNY"},
			Body: `{"account_id":123456,"event":{"current":"open","previous":"new"},"id":"{id}","subject":"zen:ticket:1",` +
				`"time":"{time}","type":"zen:event-type:ticket.status_changed","zendesk_event_version":"2022-11-06"}`,
		},
	}
}
