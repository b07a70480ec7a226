package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(acuity) }

func acuity() verifiers.Provider {
	scheme := overBody("base64", "X-Acuity-Signature")
	scheme.EventType = []string{"{form:action}"}
	return verifiers.Provider{
		Name:  "acuity",
		Title: "Acuity Scheduling",
		Docs: []string{
			"https://developers.acuityscheduling.com/docs/webhooks",
			"https://github.com/AcuityScheduling/acuity-js/blob/master/src/index.js",
		},
		Why:       "The API key of the account is the key, so whoever can sign can also call the API.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "API key", Where: "Integrations > API > View credentials"},
		Freshness: verifiers.Freshness{Why: "Acuity sends no time."},
		Dedupe: verifiers.Dedupe{
			By: verifiers.ByNothing,
			Why: "There is no event ID, and an appointment that is rescheduled twice makes equal bodies. " +
				"A notification says only which appointment to ask the API for.",
		},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: "action=scheduled&id=1001&calendarID=1&appointmentTypeID=1",
		},
	}
}
