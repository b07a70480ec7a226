package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(modernTreasury) }

func modernTreasury() verifiers.Provider {
	return verifiers.Provider{
		Name:  "modern-treasury",
		Title: "Modern Treasury",
		Docs: []string{
			"https://docs.moderntreasury.com/platform/reference/verify-webhooks",
			"https://github.com/Modern-Treasury/modern-treasury-go/blob/main/webhook_test.go",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Signature"}},
			Content:   "{body}",
			Facts:     verifiers.Facts{EventType: []string{"{json:event}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "webhook key", Where: "Developers > Webhooks > the endpoint"},
		Freshness: verifiers.Freshness{Why: "Modern Treasury sends no time of its own."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "No ID is under the signature, but the body has the event and the whole object, with the time of its last change.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"created","data":{"id":"{uuid}","object":"payment_order","amount":1000,"currency":"USD","status":"pending","updated_at":"{time}"}}`,
		},
	}
}
