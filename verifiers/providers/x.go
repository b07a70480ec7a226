package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(xTwitter) }

func xTwitter() verifiers.Provider {
	return verifiers.Provider{
		Name:  "x",
		Title: "X (Twitter)",
		Docs:  []string{"https://docs.x.com/x-api/webhooks/quickstart"},
		Why: "The answer to the challenge (CRC) is made with the key, and in the manner, of an event's signature, and anybody may ask for it. " +
			"So a challenge must not look like a body, nor a body like a challenge.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"X-Twitter-Webhooks-Signature"},
				Prefix:   "sha256=",
				Encoding: "base64",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				// No challenge that is answered starts with a brace.
				Require: []verifiers.Condition{{Of: "{body}", Begins: "{"}},
			},
		},
		Secret: verifiers.SecretInfo{Name: "consumer secret", Where: "Developer Portal > the app > Keys and tokens (API secret)"},
		Handshakes: []verifiers.Handshake{{
			Name:   "crc",
			Method: "GET",
			When:   []verifiers.Condition{{Of: "{query:crc_token}"}},
			Guard:  []verifiers.Condition{{Of: "{query:crc_token}", Like: "[A-Za-z0-9_=+/~-]{1,128}"}},
			Proof:  verifiers.Proof{Content: "{query:crc_token}", Encoding: "base64"},
			Type:   "application/json",
			Body:   `{{"response_token":"sha256={proof}"}}`,
		}},
		Freshness: verifiers.Freshness{Why: "Bodies have the times of their events under many names, and none of the attempt."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no ID of the event; the IDs and times of posts and messages distinguish bodies.",
		},
		Retries: verifiers.Retries{ // those of the enterprise product
			Deadline: 3 * time.Second,
			Attempts: 4,
			Horizon:  5 * time.Minute,
		},
		Sources: verifiers.Sources{
			Handshakes: "xdevplatform/docs, x-api/webhooks/quickstart.mdx",
		},
		Sample: verifiers.Sample{
			Body: `{"for_user_id":"2244994945","favorite_events":[{"id":"{id}","timestamp_ms":{unix}000,` +
				`"favorited_status":{"id_str":"1900000000000000001"},"user":{"id_str":"3001969357"}}]}`,
		},
	}
}
