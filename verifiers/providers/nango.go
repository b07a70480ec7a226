package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(nango) }

func nango() verifiers.Provider {
	scheme := overBody("hex", "X-Nango-Hmac-Sha256")
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "nango",
		Title: "Nango",
		Docs: []string{
			"https://github.com/NangoHQ/nango/blob/master/docs/guides/platform/webhooks-from-nango.mdx",
			"https://github.com/NangoHQ/nango/blob/master/packages/webhooks/lib/utils.ts",
		},
		Why: "The older header X-Nango-Signature, a SHA-256 of the key and the body without HMAC, is sent besides and is not looked at: " +
			"anybody could lengthen a body that it covers. The signing key is not the API key.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook signing key", Where: "Environment Settings > Webhooks > Signing key"},
		Freshness: verifiers.Freshness{Why: "Only some webhooks have a time, and it is the event's."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: week,
			Why: "There is no event ID. A webhook that is passed on from another provider (type forward) has that provider's body, " +
				"which may be the same twice.",
		},
		Retries: verifiers.Retries{Attempts: 3, Horizon: 300 * time.Millisecond},
		Sources: verifiers.Sources{
			Retries: "NangoHQ/nango, docs/guides/platform/webhooks-from-nango.mdx",
			Answers: "NangoHQ/nango, docs/guides/platform/webhooks-from-nango.mdx",
		},
		Sample: verifiers.Sample{
			Body: `{"from":"nango","type":"sync","connectionId":"{id}","providerConfigKey":"github","syncName":"issues","model":"Issue",` +
				`"success":true,"modifiedAfter":"{time}","responseResults":{"added":1,"updated":0,"deleted":0}}`,
		},
	}
}
