package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(cloudEventsWebhook) }

func cloudEventsWebhook() verifiers.Provider {
	return verifiers.Provider{
		Name:  "cloudevents-webhook",
		Title: "CloudEvents over HTTP webhooks",
		Docs: []string{
			"https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md",
			"https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md",
		},
		Why: "The specification authorises by a token, in the Authorization header or in the URL, and signs nothing. An event's attributes stand in headers (ce-id) or in the body (id). " +
			"Where the headers have them, the body may be anything, or empty.",
		Confirmed: true,
		Scheme: verifiers.Token{
			From:  "bearer",
			Query: "access_token",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:ce-time}", Format: "rfc3339"},
				EventID:   []string{"{header:ce-source}#{header:ce-id}", "{json:source}#{json:id}"},
				EventType: []string{"{header:ce-type}", "{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "access token", Where: "the token that the sender got when the subscription was made"},
		Options: []verifiers.Option{{
			Name:    "origin",
			What:    "the sender's origin, as WebHook-Request-Origin names it; without one the sender is not given leave to deliver",
			Many:    true,
			Pattern: `[A-Za-z0-9._:/-]{1,255}`,
			Example: "eventemitter.example.com",
		}},
		Handshakes: []verifiers.Handshake{{
			Name:   "validation",
			Method: "OPTIONS",
			When:   []verifiers.Condition{{Of: "{header:WebHook-Request-Origin}"}},
			Guard:  []verifiers.Condition{{Of: "{header:WebHook-Request-Origin}", Is: []string{"{option:origin}"}, Fold: true}},
			// WebHook-Request-Callback is not called: it could name anybody's URL.
			Header: map[string]string{
				"WebHook-Allowed-Origin": "{header:WebHook-Request-Origin}",
				"WebHook-Allowed-Rate":   "*",
				"Allow":                  "POST",
			},
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own and optional. How long senders retry is up to them; a week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why:    "Source and ID together are unique by the specification. The token vouches for the headers beside it.",
		},
		// 200 would have to carry a body.
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 202}},
		Sources: verifiers.Sources{
			Answers:    "cloudevents/spec, cloudevents/http-webhook.md",
			Handshakes: "cloudevents/spec, cloudevents/http-webhook.md",
		},
		Sample: verifiers.Sample{
			Type:   "application/cloudevents+json",
			Header: map[string]string{"WebHook-Request-Origin": "eventemitter.example.com"},
			Body: `{"specversion":"1.0","type":"com.example.order.created","source":"https://example.com/orders","id":"{id}",` +
				`"time":"{time}","datacontenttype":"application/json","data":{"order":1001}}`,
		},
	}
}
