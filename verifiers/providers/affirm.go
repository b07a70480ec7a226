package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(affirm) }

func affirm() verifiers.Provider {
	scheme := timedList("X-Affirm-Signature", "t", "v0")
	scheme.EventID = []string{timeAndBody}
	scheme.Hash = "sha512"
	return verifiers.Provider{
		Name:   "affirm",
		Title:  "Affirm",
		Docs:   []string{"https://docs.affirm.com"},
		Scheme: scheme,
		Secret: verifiers.SecretInfo{Name: "webhook secret", Where: "Affirm, when the webhook is set up"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why:    timeAndBodyWhy,
		},
		Sample: verifiers.Sample{
			Body: `{"event":"opened","event_timestamp":"{time}","id":"{id}","checkout_token":"checkout-1001"}`,
		},
	}
}
