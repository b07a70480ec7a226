package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(cloudflareStream) }

func cloudflareStream() verifiers.Provider {
	return verifiers.Provider{
		Name:      "cloudflare-stream",
		Title:     "Cloudflare Stream",
		Docs:      []string{"https://developers.cloudflare.com/stream/manage-video-library/using-webhooks/"},
		Why:       "Webhook-Signature is the name of other providers' headers too; only the form time=…,sig1=… is Cloudflare's.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"Webhook-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"sig1"},
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:time}"},
				EventID:   []string{"{json:uid}:{json:status.state}"},
				EventType: []string{"{json:status.state}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "the answer of Cloudflare's API to PUT /accounts/{account}/stream/webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The time is that of the sending. Cloudflare names no limit; 5 minutes are usual.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: week,
			Why: "There is no event ID: a video's ID with its state could come again when it is processed again. " +
				"The body has the time of the video's last change.",
		},
		Sample: verifiers.Sample{
			Body: `{"uid":"{id}","creator":null,"readyToStream":true,"status":{"state":"ready","pctComplete":"100.000000","errorReasonCode":"",` +
				`"errorReasonText":""},"meta":{"name":"example.mp4"},"created":"{time}","modified":"{time}","duration":5.5}`,
		},
	}
}

func init() { register(cloudflareNotifications) }

func cloudflareNotifications() verifiers.Provider {
	return verifiers.Provider{
		Name:      "cloudflare-notifications",
		Title:     "Cloudflare notifications",
		Docs:      []string{"https://developers.cloudflare.com/notifications/get-started/configure-webhooks/"},
		Why:       "The secret is sent as it is and proves nothing of the body.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"cf-webhook-auth"},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:ts}"},
				EventType: []string{"{json:alert_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "Cloudflare dashboard > Notifications > Destinations > the webhook, where you chose it"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "The time is the alert's own, and the schedule of retries is not documented. A week outlasts any that is plausible. " +
				"The message of Save and Test has no time.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: pastWeek,
			Why:    "There is no event ID. An alert bears its time, so equal bodies are one alert; only the test message looks like another.",
		},
		Sample: verifiers.Sample{
			Body: `{"name":"Example","text":"Example alert","data":{"dashboard_link":"https://dash.cloudflare.com/"},"ts":{unix},` +
				`"account_id":"00000000000000000000000000000001","policy_id":"{uuid}","alert_type":"universal_ssl_event_type"}`,
		},
	}
}
