package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(assemblyAI) }

func assemblyAI() verifiers.Provider {
	return verifiers.Provider{
		Name:  "assemblyai",
		Title: "AssemblyAI",
		Docs: []string{
			"https://www.assemblyai.com/docs/deployment/webhooks-for-pre-recorded-audio",
			"https://www.assemblyai.com/docs/deployment/webhooks-for-streaming-speech-to-text",
		},
		Why: "Nothing is signed: the client that asks for a transcript also chooses a header's name and value for its callback. " +
			"The name here is the one in AssemblyAI's examples; override names where you chose another. " +
			"Any 4xx ends the retries, so an event that arrives under a wrong secret is lost.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"X-My-Webhook-Secret"},
			Facts: verifiers.Facts{
				EventID:   []string{"{json:transcript_id}:{json:status}"},
				EventType: []string{"{json:status}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "webhook_auth_header_value", Where: "your own request for the transcript"},
		Freshness: verifiers.Freshness{Why: "The body has no time."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    "There is no ID, but a transcript comes to a status once. The token vouches for both.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second, Attempts: 10, Horizon: 100 * time.Second},
		Sources: verifiers.Sources{
			Retries:  "AssemblyAI/assemblyai-api-spec, fern/pages/guides/webhooks.mdx",
			Deadline: "AssemblyAI/assemblyai-api-spec, fern/pages/guides/webhooks.mdx",
			Answers:  "AssemblyAI/assemblyai-api-spec, fern/pages/guides/webhooks.mdx",
		},
		Sample: verifiers.Sample{Body: `{"transcript_id":"{id}","status":"completed"}`},
	}
}
