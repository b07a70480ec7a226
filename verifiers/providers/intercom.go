package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(intercom) }

// Compared in November 2026: nothing newer than SHA-1 is documented, and
// intercom-client 7.0.3 verifies no webhooks.
func intercom() verifiers.Provider {
	return verifiers.Provider{
		Name:  "intercom",
		Title: "Intercom",
		Docs: []string{
			"https://developers.intercom.com/docs/webhooks",
			"https://developers.intercom.com/docs/webhooks/setting-up-webhooks",
			"https://developers.intercom.com/intercom-api-reference/v1.0/reference/signed-notifications",
		},
		Confirmed: true,
		Why: "Intercom signs with SHA-1 and has nothing newer; as HMAC it is not known to be broken. " +
			"Its oldest documents have a hub_secret of each subscription for the key; the app's client secret has replaced it.",
		Scheme: verifiers.HMAC{
			Hash:      "sha1",
			Signature: verifiers.Signature{Names: []string{"X-Hub-Signature"}, Prefix: "sha1="},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:created_at}"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:topic}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "client secret", Where: "Developer Hub > the app > Basic information"},
		Handshakes: []verifiers.Handshake{{
			Name:   "url_check",
			Method: "HEAD",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "The time is that of the notification, not of the attempt. How long Intercom tries is not known; a week outlasts " +
				"any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The notification's ID stands in the signed body, which also counts the attempts and so is no key itself.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "notif_",
			Body: `{"type":"notification_event","app_id":"abc123","data":{"type":"notification_event_data","item":{"type":"conversation","id":"1234"}},` +
				`"links":{},"id":"{id}","topic":"conversation.user.created","delivery_status":"pending","delivery_attempts":1,` +
				`"delivered_at":0,"first_sent_at":{unix},"created_at":{unix},"self":null}`,
		},
	}
}
