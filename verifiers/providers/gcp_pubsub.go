package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(gcpPubSub) }

// Compared in November 2026: google-auth-library 11.3.4 is the newest. It verifies
// tokens as 10.9.1 does, which judges this row.
func gcpPubSub() verifiers.Provider {
	return verifiers.Provider{
		Name:  "gcp-pubsub",
		Title: "Google Cloud Pub/Sub",
		Docs: []string{
			"https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions",
			"https://cloud.google.com/pubsub/docs/push",
		},
		Why: "Google's token identifies the sender and does not cover the body. Anybody who saw a request can send another body with its token for an hour. " +
			"Google makes a token for any audience that any of its customers asks for, so the audience alone proves nothing. The " +
			"service account says whose the subscription is. The subscription has to wrap its messages, which is the default.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			From:       "bearer",
			Algorithms: []string{"RS256"},
			Keys:       verifiers.Keys{URL: "https://www.googleapis.com/oauth2/v3/certs"},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:message.publishTime}", Format: "rfc3339"},
				EventID:   []string{"{json:message.messageId}"},
				EventType: []string{"{json:message.attributes.eventType}"},
				Require: []verifiers.Condition{
					{Of: "{claim:iss}", Is: []string{"https://accounts.google.com", "accounts.google.com"}},
					{Of: "{claim:email_verified}", Is: []string{"true"}},
					{Of: "{claim:exp}"},
				},
				Addressee: []verifiers.Condition{
					{Of: "{claim:aud}", Is: []string{"{option:audience}"}},
					{Of: "{claim:email}", Is: []string{"{option:service_account}"}},
				},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:     "public key",
			Where:    "https://www.googleapis.com/oauth2/v3/certs; without one it is fetched from there",
			Optional: true,
		},
		Options: []verifiers.Option{
			{
				Name: "audience", What: "the audience of the subscription's authentication settings; if it has none, the URL of the push endpoint",
				Required: true, Many: true, Example: "https://hooks.example.com/pubsub",
			},
			{
				Name: "service_account", What: "the e-mail address of the service account in the subscription's authentication settings",
				Required: true, Many: true, Pattern: `[^@\s]+@[^@\s]+`, Example: "push@project.iam.gserviceaccount.com",
			},
		},
		Freshness: verifiers.Freshness{
			Origin: verifiers.EventTime,
			Why:    "The time is that of the publication and outside the token. The token itself lives for an hour.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       7 * 24 * time.Hour,
			UniqueBodies: true,
			Why: "The ID of the message is the same on every attempt. It is outside the token and so bound to the body, which differs between " +
				"attempts where a subscription with a dead-letter topic counts them. There a second delivery is taken for another event.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second, Horizon: 7 * 24 * time.Hour},
		// A message has 10 MB at most, which are sent in base64, and up to 100
		// attributes with names of 256 bytes and values of 1,024.
		MaxBody: 16 << 20,
		Largest: inBase64(10<<20) + escaped(100*(256+1024)) + 4<<10,
		Sample: verifiers.Sample{
			Body: `{"message":{"attributes":{"eventType":"order.paid"},"data":"eyJvcmRlciI6MTAwMX0=","messageId":"{id}","message_id":"{id}",` +
				`"publishTime":"{time}","publish_time":"{time}"},"subscription":"projects/project/subscriptions/orders"}`,
		},
	}
}
