package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(fal) }

func fal() verifiers.Provider {
	return verifiers.Provider{
		Name:      "fal",
		Title:     "fal",
		Docs:      []string{"https://fal.ai/docs/documentation/model-apis/inference/webhooks"},
		Why:       "Requests do not name their key, so each of the published ones is tried. Of the body, the hash is signed.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "ed25519",
			Signature: verifiers.Signature{Names: []string{"X-Fal-Webhook-Signature"}},
			Content:   "{id}\n{header:X-Fal-Webhook-User-Id}\n{timestamp}\n{body.sha256.hex}",
			Keys:      verifiers.Keys{URL: "https://rest.alpha.fal.ai/.well-known/jwks.json"},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Fal-Webhook-Timestamp}"},
				EventID:   []string{"{header:X-Fal-Webhook-Request-Id}"},
				EventType: []string{"{json:status}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "public key", Where: "fal's key set, from which it is fetched if you give none", Optional: true},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "fal asks its users to allow 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID is the request's, which ends once; it is signed.",
		},
		Retries: verifiers.Retries{Deadline: 15 * time.Second, Attempts: 11, Horizon: 2 * time.Hour},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Fal-Webhook-User-Id": "user_example"},
			Body: `{"request_id":"{id}","gateway_request_id":"{id}","status":"OK","error":null,` +
				`"payload":{"images":[{"url":"https://example.com/image.png","content_type":"image/png","width":1024,"height":1024}],"seed":196619188014358660}}`,
		},
	}
}
