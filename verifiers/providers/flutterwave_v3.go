package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(flutterwaveV3) }

func flutterwaveV3() verifiers.Provider {
	return verifiers.Provider{
		Name:  "flutterwave-v3",
		Title: "Flutterwave (v3)",
		Docs: []string{
			"https://developer.flutterwave.com/docs/webhooks",
			"https://github.com/Flutterwave/Woocommerce/blob/master/includes/class-flw-wc-payment-gateway.php",
		},
		Confirmed: true,
		Why: "The header verif-hash is the secret hash itself, a token that covers nothing: Flutterwave advises to ask for the " +
			"transaction before acting on it.",
		Scheme: verifiers.Token{
			Names: []string{"Verif-Hash"},
			Facts: verifiers.Facts{
				EventID:   []string{"{json:event}:{json:data.id}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "secret hash", Where: "the dashboard, Settings > Webhooks"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A transaction may have two events of a kind, so it is no key; the body has its state too.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"charge.completed","data":{"id":285959875,"tx_ref":"{id}","amount":100,"currency":"NGN","status":"successful",` +
				`"created_at":"{time}"}}`,
		},
	}
}
