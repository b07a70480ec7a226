package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(quicknode) }

func quicknode() verifiers.Provider {
	return verifiers.Provider{
		Name:  "quicknode",
		Title: "QuickNode Streams and Webhooks",
		Docs: []string{
			"https://www.quicknode.com/guides/quicknode-products/streams/validating-incoming-streams-webhook-messages",
			"https://github.com/quiknode-labs/qn-guide-examples",
		},
		Why: "Bodies may come with Content-Encoding: gzip. The signature is of the uncompressed body. " +
			"The pings that QuickNode sends without a signature are refused: no mark that distinguishes them from other requests is documented.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:          []string{"x-qn-signature"},
				Prefix:         "sha256=",
				OptionalPrefix: true,
			},
			Content: "{id}{timestamp}{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:x-qn-timestamp}"},
				EventID:   []string{"{header:x-qn-nonce}"},
				Inflate:   true,
			},
		},
		Secret: verifiers.SecretInfo{Name: "security token", Where: "the settings of the stream or webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The time is that of sending, and is signed.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The nonce is signed, so a captured request passes once. The stream's filter decides the content of a body, " +
				"so equal bodies need not be one event.",
		},
		Sample: verifiers.Sample{
			Body: `{"data":[{"blockNumber":"0x13a1f1c","logs":[]}],"metadata":{"network":"ethereum-mainnet","dataset":"block"}}`,
		},
	}
}
