package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(fintoc) }

func fintoc() verifiers.Provider {
	scheme := timedList("Fintoc-Signature", "t", "v1")
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "fintoc",
		Title: "Fintoc",
		Docs: []string{
			"https://docs.fintoc.com/guides/resources/webhooks-walkthrough/webhooks-validating",
			"https://github.com/fintoc-com/fintoc-node/blob/main/src/lib/webhook.ts",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "shown once, when the webhook endpoint is made"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Fintoc's library allows 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body: `{"id":"{id}","type":"payment_intent.succeeded","mode":"test","created_at":"{time}",` +
				`"data":{"id":"pi_1001","object":"payment_intent","amount":1000,"currency":"CLP","status":"succeeded"},"object":"event"}`,
		},
	}
}
