package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() {
	register(discord)
	register(discordInteractions)
}

// discordScheme signs events and interactions alike.
func discordScheme(facts verifiers.Facts) verifiers.PublicKey {
	facts.Timestamp = verifiers.Timestamp{From: "{header:X-Signature-Timestamp}"}
	return verifiers.PublicKey{
		Algorithm: "ed25519",
		Signature: verifiers.Signature{Names: []string{"X-Signature-Ed25519"}},
		Content:   "{timestamp}{body}",
		Facts:     facts,
	}
}

var discordSecret = verifiers.SecretInfo{
	Name:  "public key",
	Where: "Discord Developer Portal > the application > General Information",
}

// Compared in November 2026: discord-interactions 4.4.0 is the newest and judges this row.
func discord() verifiers.Provider {
	return verifiers.Provider{
		Name:  "discord",
		Title: "Discord (webhook events)",
		Docs: []string{
			"https://docs.discord.com/developers/events/webhook-events",
			"https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint",
		},
		Why: "Discord sends wrong signatures on purpose and takes the URL off the application unless each is answered by 401. " +
			"Interactions are another row, since their answer is the app's own.",
		Confirmed: true,
		Scheme:    discordScheme(verifiers.Facts{EventType: []string{"{json:event.type}"}}),
		Secret:    discordSecret,
		Handshakes: []verifiers.Handshake{{
			Name:     "ping",
			When:     []verifiers.Condition{{Of: "{json:type}", Is: []string{"0"}}},
			Verified: true,
			Status:   204,
			Type:     "application/json", // asked for, though there is no body
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(15 * time.Minute),
			Why: "Discord does not say whether a retry renews the signed time. It retries for 10 minutes at most, " +
				"so a quarter of an hour is right in either case.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       24 * time.Hour,
			UniqueBodies: true,
			Why:          "An event has no ID, but its body has the time at which it happened, in microseconds.",
		},
		Answers: verifiers.Answers{
			Success: verifiers.Answer{Status: 204, Type: "application/json"},
			Refused: verifiers.Answer{Status: 401},
		},
		Retries: verifiers.Retries{Deadline: 3 * time.Second, Horizon: 10 * time.Minute},
		Sources: verifiers.Sources{
			Retries:    "https://docs.discord.com/developers/events/webhook-events",
			Deadline:   "https://docs.discord.com/developers/events/webhook-events",
			Answers:    "https://docs.discord.com/developers/events/webhook-events",
			Handshakes: "https://docs.discord.com/developers/events/webhook-events",
		},
		Sample: verifiers.Sample{
			Body: `{"version":1,"application_id":"1234560123453231555","type":1,"event":{"type":"APPLICATION_AUTHORIZED",` +
				`"timestamp":"{time}","data":{"integration_type":1,"scopes":["applications.commands"],"user":{"id":"191231307290771456","username":"nelly"}}}}`,
		},
	}
}

// Compared in November 2026: discord-interactions 4.4.0 is the newest and judges this
// row.
func discordInteractions() verifiers.Provider {
	return verifiers.Provider{
		Name:  "discord-interactions",
		Title: "Discord (interactions)",
		Docs:  []string{"https://docs.discord.com/developers/interactions/receiving-and-responding"},
		Why:   "Discord sends wrong signatures on purpose and takes the URL off the application unless each is answered by 401.",

		Confirmed: true,
		Scheme: discordScheme(verifiers.Facts{
			EventID:   []string{"{json:id}"},
			EventType: []string{"{json:type}"},
		}),
		Secret: discordSecret,
		Handshakes: []verifiers.Handshake{{
			Name:     "ping",
			When:     []verifiers.Condition{{Of: "{json:type}", Is: []string{"1"}}},
			Verified: true,
			Type:     "application/json",
			Body:     `{{"type":1}}`,
		}},
		Synchronous: "A person waits for the answer to an interaction and sees it. So the app has to give it, within 3 seconds.",
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "An interaction is sent once, at the time that is signed with it.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The interaction's ID stands in the signed body.",
		},
		Answers: verifiers.Answers{Refused: verifiers.Answer{Status: 401}},
		Retries: verifiers.Retries{Deadline: 3 * time.Second, Attempts: 1},
		Sources: verifiers.Sources{
			Deadline: "https://docs.discord.com/developers/interactions/receiving-and-responding",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","application_id":"1234560123453231555","type":2,"token":"unused","version":1,` +
				`"data":{"id":"771825006014889984","name":"blep","type":1},"channel_id":"645027906669510667","guild_id":"290926798626357999"}`,
		},
	}
}
