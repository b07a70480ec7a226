package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(livekit) }

func livekit() verifiers.Provider {
	return verifiers.Provider{
		Name:  "livekit",
		Title: "LiveKit",
		Docs: []string{
			"https://docs.livekit.io/home/server/webhooks/",
			"https://github.com/livekit/protocol/tree/v1.54.0/webhook",
		},
		Why: "The token stands in Authorization without the word Bearer. Its issuer is the API key, which belongs to one secret; " +
			"its claim sha256 is the body's hash in base64.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			Names:      []string{"Authorization"},
			Algorithms: []string{"HS256"},
			KeyID:      "{claim:iss}",
			BodyHash:   verifiers.ClaimHash{Claim: "sha256", Encoding: "base64"},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:createdAt}"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "API secret", Where: "the project's settings > Keys, or keys: in the server's configuration"},
		Options: []verifiers.Option{{
			Name: "key", What: "the API key that each secret belongs to", Paired: true, Example: "APIexample1234",
		}},
		Freshness: verifiers.Freshness{
			Origin: verifiers.EventTime,
			Why: "A token is made once for an event and lives for five minutes; all attempts carry it. " +
				"Its end is enforced, so the event's own time need not be.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID (EV_…) stands in the body, whose hash is signed, and all attempts send the same body.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "EV_",
			Type:     "application/webhook+json",
			Header:   map[string]string{"User-Agent": "LiveKit"},
			Body: `{"event":"room_started","room":{"sid":"RM_hycBMAjmt6Ub","name":"demo","emptyTimeout":300,"creationTime":"{unix}",` +
				`"enabledCodecs":[{"mime":"video/VP8"}]},"id":"{id}","createdAt":"{unix}"}`,
		},
	}
}
