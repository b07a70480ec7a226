package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(deepgram) }

func deepgram() verifiers.Provider {
	return verifiers.Provider{
		Name:  "deepgram",
		Title: "Deepgram callbacks",
		Docs:  []string{"https://developers.deepgram.com/docs/callback"},
		Why: "Nothing is signed: dg-token holds the identifier of the API key that asked for the transcript. " +
			"Credentials in the callback's URL work as well: override from with basic and names with nothing.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"dg-token"},
			Facts: verifiers.Facts{EventID: []string{"{json:request_id}", "{json:metadata.request_id}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "API key identifier", Where: "Console > API Keys; not the key itself"},
		Freshness: verifiers.Freshness{Why: "The body has no time of sending."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "One request can have many results, all under its ID. Only the rest of the body differs.",
		},
		Retries: verifiers.Retries{ // every 30 s
			Attempts: 11,
			Horizon:  5 * time.Minute,
		},
		Methods: []string{"POST", "PUT"}, // as asked for with callback_method
		Sources: verifiers.Sources{
			Retries: "deepgram/deepgram-docs, fern/docs/callback.mdx",
			Answers: "deepgram/deepgram-docs, fern/docs/callback.mdx",
		},
		Sample: verifiers.Sample{
			Body: `{"metadata":{"request_id":"{id}","created":"{time}","duration":25.9,"channels":1},` +
				`"results":{"channels":[{"alternatives":[{"transcript":"hello","confidence":0.99}]}]}}`,
		},
	}
}
