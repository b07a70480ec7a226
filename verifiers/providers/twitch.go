package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(twitch) }

func twitch() verifiers.Provider {
	return verifiers.Provider{
		Name:  "twitch",
		Title: "Twitch EventSub",
		Docs: []string{
			"https://dev.twitch.tv/docs/eventsub/handling-webhook-events/",
			"https://github.com/twitchdev/twitch-cli/blob/main/internal/events/trigger/forward_event.go",
		},
		Why: "The time is signed in Twitch's spelling, to the nanosecond. " +
			"That a subscription was revoked comes as an event like others: its subscription.status says so.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Twitch-Eventsub-Message-Signature"}, Prefix: "sha256="},
			Content:   "{id}{timestamp}{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:Twitch-Eventsub-Message-Timestamp}", Format: "rfc3339"},
				EventID:   []string{"{header:Twitch-Eventsub-Message-Id}"},
				EventType: []string{"{json:subscription.type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "your own, 10 to 100 characters: transport.secret of Create EventSub Subscription"},
		Handshakes: []verifiers.Handshake{{
			Name: "callback_verification",
			When: []verifiers.Condition{
				{Of: "{header:Twitch-Eventsub-Message-Type}", Is: []string{"webhook_callback_verification"}},
				{Of: "{json:challenge}"},
			},
			Verified: true,
			Body:     "{json:challenge}",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: verifiers.Tolerance{Past: 10 * time.Minute, Future: 5 * time.Minute},
			Why:       "Twitch recommends 10 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The message's ID is signed and is the same when Twitch sends it again.",
		},
		AttemptID: "Twitch-Eventsub-Message-Retry",
		Sample: verifiers.Sample{
			Header: map[string]string{
				"Twitch-Eventsub-Message-Type":         "notification",
				"Twitch-Eventsub-Message-Retry":        "0",
				"Twitch-Eventsub-Subscription-Type":    "channel.follow",
				"Twitch-Eventsub-Subscription-Version": "2",
			},
			Body: `{"subscription":{"id":"f1c2a387-161a-49f9-a165-0f21d7a4e1c4","status":"enabled","type":"channel.follow","version":"2","cost":0,` +
				`"condition":{"broadcaster_user_id":"12826"},"created_at":"{time}"},"event":{"user_id":"1337","user_login":"awesome_user",` +
				`"broadcaster_user_id":"12826","followed_at":"{time}"}}`,
		},
	}
}
