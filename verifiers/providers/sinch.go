package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(sinch) }

func sinch() verifiers.Provider {
	return verifiers.Provider{
		Name:  "sinch",
		Title: "Sinch (Conversation API)",
		Docs: []string{
			"https://developers.sinch.com/docs/conversation/callbacks",
			"https://github.com/sinch/sinch-sdk-node/blob/main/packages/sdk-client/tests/utils/authorization.helper.test.ts",
		},
		Why:       "A callback is signed only if its webhook has a secret. Other products of Sinch sign otherwise or not at all.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"x-sinch-webhook-signature"}, Encoding: "base64"},
			Content:   "{body}.{header:x-sinch-webhook-signature-nonce}.{timestamp}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:x-sinch-webhook-signature-timestamp}"},
				Require: []verifiers.Condition{
					{Of: "{header:x-sinch-webhook-signature-nonce}", Like: "[0-9A-Za-z_-]{1,64}"},
				},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "given with the webhook when it is made, in the Sinch dashboard or over the API"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: pastWeek,
			Why: "There is no event ID in every callback, and the nonce may be new on each attempt. An event is known by all that is signed; " +
				"a retry that is signed anew counts as another event.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"x-sinch-webhook-signature-nonce": "01FJA8B4A7BM43YGWSG9GBV067", "x-sinch-webhook-signature-algorithm": "HmacSHA256"},
			Body: `{"app_id":"01EB37HMH1M6SV18BSNS3G135H","accepted_time":"{time}","event_time":"{time}","project_id":"{uuid}",` +
				`"message":{"id":"{id}","direction":"TO_APP","contact_message":{"text_message":{"text":"Hello"}}}}`,
		},
	}
}
