package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(bolt) }

func bolt() verifiers.Provider {
	scheme := overBody("base64", "X-Bolt-Hmac-Sha256")
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "bolt",
		Title: "Bolt",
		Docs: []string{
			"https://help.bolt.com/developers/webhooks/hook-verification/",
			"https://help.bolt.com/gaming/guide/bolt-webhooks/validate-authenticity",
			"https://github.com/BoltApp/bolt-magento2/blob/master/Helper/Hook.php",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the merchant dashboard, Administration > API"},
		Freshness: verifiers.Freshness{Why: "There is no time outside the body."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID. A body has the transaction, its status and its time.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"payment","id":"{id}","reference":"LBLJ-TWW7-R9VC","order":"order-1001","amount":2882,"currency":"USD",` +
				`"status":"completed","date":{unix}000}`,
		},
	}
}
