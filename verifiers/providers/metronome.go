package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(metronome) }

func metronome() verifiers.Provider {
	return verifiers.Provider{
		Name:  "metronome",
		Title: "Metronome",
		Docs: []string{
			"https://docs.metronome.com/guides/platform-configuration/setup-webhooks",
			"https://github.com/Metronome-Industries/metronome-node/blob/main/src/resources/webhooks.ts",
			"https://github.com/Metronome-Industries/metronome-node/blob/main/tests/api-resources/webhooks.test.ts",
		},
		Why: "Metronome's library read the time from Date in its first versions and reads it from X-Metronome-Date now. The latter counts " +
			"where it is there: a proxy may replace Date.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Metronome-Webhook-Signature"}},
			Content:   "{timestamp}\n{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:*Date}", Format: "rfc1123"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
			Variants: []string{"X-Metronome-", ""},
		},
		Secret: verifiers.SecretInfo{Name: "secret key", Where: "Developer > Notifications > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Metronome's library allows 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","type":"alerts.low_remaining_contract_credit_balance_reached","properties":{"customer_id":"{uuid}",` +
				`"alert_id":"{uuid}","timestamp":"{time}","threshold":1000}}`,
		},
	}
}
