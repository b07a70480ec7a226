package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(standardWebhooksEd25519) }

// standardWebhooksEd25519 is the asymmetric half of Standard Webhooks. Few
// libraries know it; Svix's server signs so.
func standardWebhooksEd25519() verifiers.Provider {
	p := standardWebhooks()
	symmetric := p.Scheme.(verifiers.HMAC)
	p.Name, p.Title = "standard-webhooks-ed25519", "Standard Webhooks (Ed25519)"
	p.Docs = append(p.Docs, "https://github.com/svix/svix-webhooks/blob/main/server/svix-server/src/worker.rs")
	p.Why = "The secret is the sender's public key. Signatures of version v1, which a shared secret makes, are skipped."
	signature := symmetric.Signature
	signature.Names, signature.Keys = []string{"webhook-signature"}, []string{"v1a"}
	p.Scheme = verifiers.PublicKey{
		Algorithm: "ed25519",
		Signature: signature,
		Prefixes:  []string{"whpk_"},
		Content:   symmetric.Content,
		Facts: verifiers.Facts{
			Timestamp: verifiers.Timestamp{From: "{header:webhook-timestamp}"},
			EventID:   []string{"{header:webhook-id}"},
			EventType: []string{"{json:type}"},
		},
	}
	p.Secret = verifiers.SecretInfo{Name: "public key", Where: "the sender's page for the endpoint; it starts with whpk_", Prefix: "whpk_"}
	return p
}
