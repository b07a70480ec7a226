package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(ably) }

func ably() verifiers.Provider {
	return verifiers.Provider{
		Name:  "ably",
		Title: "Ably",
		Docs:  []string{"https://ably.com/docs/platform/integrations/webhooks"},
		Why: "The secret is a whole API key: the part before its colon is the name that X-Ably-Key gives, the part after it signs. " +
			"Messages may be sent without an envelope, so a body need not be JSON.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"X-Ably-Signature"},
				Encoding: "base64",
			},
			Secret:  verifiers.SecretFormat{Named: true},
			KeyID:   "{header:X-Ably-Key}",
			Content: "{body}",
			Facts:   verifiers.Facts{EventID: []string{"{header:X-Ably-Message-Id}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "API key", Where: "Dashboard > the app > API Keys: all of it, such as appid.keyid:secret"},
		Freshness: verifiers.Freshness{Why: "Only enveloped messages have a time, each its own."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The message ID is outside the signature, so it counts together with the body. A batch has none and is not deduplicated: " +
				"without an envelope, equal bodies may be different messages.",
		},
		Retries: verifiers.Retries{ // after 4 s and 20 s; batches wait for 5 minutes at most
			Horizon: 5 * time.Minute,
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Ably-Version": "1.2"},
			Body: `{"source":"channel.message","appId":"aBCdEf","channel":"orders","site":"eu-central-1-A","timestamp":{unix}000,` +
				`"messages":[{"id":"{id}","clientId":"app","data":"paid"}]}`,
		},
	}
}
