package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(elevenlabs) }

// Compared in November 2026: @elevenlabs/elevenlabs-js 2.73.0 is the newest and judges
// this row.
func elevenlabs() verifiers.Provider {
	return verifiers.Provider{
		Name:  "elevenlabs",
		Title: "ElevenLabs",
		Docs: []string{
			"https://elevenlabs.io/docs/product-guides/administration/webhooks",
			"https://github.com/elevenlabs/elevenlabs-js",
		},
		Why:       "The signature's key is v0; this is not Standard Webhooks.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"ElevenLabs-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"v0"},
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:t}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "shared secret", Where: "shown when the webhook is created in the settings of the workspace"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: verifiers.Tolerance{Past: 30 * time.Minute, Future: 5 * time.Minute},
			Why:       "ElevenLabs' library allows 30 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no ID, but the signed body has the event's own time and the conversation it is about.",
		},
		Sources: verifiers.Sources{
			Answers: "elevenlabs/elevenlabs-docs, fern/conversational-ai/pages/workflows/post-call-webhook.mdx",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"post_call_transcription","event_timestamp":{unix},"data":{"agent_id":"agent_1001","conversation_id":"conv_{id}","status":"done"}}`,
		},
	}
}
