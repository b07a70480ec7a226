package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(frameIO) }

func frameIO() verifiers.Provider {
	return verifiers.Provider{
		Name:  "frame-io",
		Title: "Frame.io",
		Docs: []string{
			"https://developer.frame.io/platform/v2/webhooks-overview",
			"https://github.com/Frameio/webhooks-example-app/blob/master/main.go",
		},
		Confirmed: true,
		Why:       "Signed as Slack signs.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:  []string{"X-Frameio-Signature"},
				Prefix: "v0=",
			},
			Content: "v0:{timestamp}:{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Frameio-Request-Timestamp}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing key", Where: "shown when the webhook is created"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The time is that of the request. Frame.io's example allows 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:  verifiers.ByNothing,
			Why: "A body has the event and the asset, but neither an ID nor a time: two updates of one asset look alike.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"asset.created","resource":{"type":"asset","id":"{uuid}"},"user":{"id":"{uuid}"},"team":{"id":"{uuid}"}}`,
		},
	}
}
