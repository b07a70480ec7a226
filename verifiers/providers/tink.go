package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(tink) }

func tink() verifiers.Provider {
	scheme := timedList("X-Tink-Signature", "t", "v1")
	scheme.EventID = []string{timeAndBody}
	scheme.EventType = []string{"{json:event}"}
	return verifiers.Provider{
		Name:  "tink",
		Title: "Tink",
		Docs: []string{
			"https://docs.tink.com/resources/api-setup/webhook-signature-validation",
			"https://github.com/formancehq/payments",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "the answer that made the webhook endpoint; it is shown once"},
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
			Body: `{"context":{"userId":"user-1001","externalUserId":"{id}"},"content":{"credentialsId":"credentials-1001",` +
				`"credentialsStatus":"UPDATED","finished":{unix}000},"event":"refresh:finished"}`,
		},
	}
}
