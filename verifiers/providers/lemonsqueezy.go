package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(lemonsqueezy) }

func lemonsqueezy() verifiers.Provider {
	return verifiers.Provider{
		Name:  "lemonsqueezy",
		Title: "Lemon Squeezy",
		Docs: []string{
			"https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
			"https://github.com/lmsqueezy/laravel/blob/main/src/Http/Middleware/VerifyWebhookSignature.php",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Signature"}},
			Content:   "{body}",
			Facts:     verifiers.Facts{EventType: []string{"{json:meta.event_name}", "{header:X-Event-Name}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "Settings > Webhooks > the webhook; you chose it there"},
		Freshness: verifiers.Freshness{Why: "Lemon Squeezy sends no time of its own."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no ID, but the signed body has the event's name and the whole object, with the time of its last change.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Event-Name": "order_created"},
			Body: `{"meta":{"event_name":"order_created","custom_data":{"customer":"{id}"}},"data":{"type":"orders","id":"1001",` +
				`"attributes":{"status":"paid","total":999,"currency":"USD","updated_at":"{time}"}}}`,
		},
	}
}
