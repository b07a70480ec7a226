package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(flutterwave) }

func flutterwave() verifiers.Provider {
	scheme := overBody("base64", "Flutterwave-Signature")
	scheme.EventType = []string{"{json:type}", "{json:event}"}
	return verifiers.Provider{
		Name:  "flutterwave",
		Title: "Flutterwave",
		Docs:  []string{"https://developer.flutterwave.com/docs/webhooks"},
		Why: "Version 4. Version 3 sends the secret hash itself: that is flutterwave-v3. " +
			"An earlier edition of the documentation had version 4 send it too, in Flutterwave-Signature, and some libraries still expect it.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret hash", Where: "the dashboard, Settings > Webhooks"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "Whether the body's ID stays the same is not documented; the body has the transaction and its time.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "wbk_",
			Body: `{"id":"{id}","timestamp":{unix}000,"type":"charge.completed","data":{"id":"chg_1001","amount":200,"currency":"NGN",` +
				`"status":"succeeded"}}`,
		},
	}
}
