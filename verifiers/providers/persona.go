package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(persona) }

func persona() verifiers.Provider {
	scheme := timedList("Persona-Signature", "t", "v1")
	scheme.EventID = []string{"{json:data.id}"}
	scheme.EventType = []string{"{json:data.attributes.name}"}
	scheme.Signature.Groups = " "
	return verifiers.Provider{
		Name:  "persona",
		Title: "Persona",
		Docs: []string{
			"https://docs.withpersona.com/webhooks",
			"https://docs.withpersona.com/2022-09-01/webhooks-best-practices",
		},
		Why: "While a secret is being rotated the header has two pairs of time and signature with a space between. The whole of " +
			"wbhsec_… is the key.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "the dashboard, Webhooks > the webhook; it starts with wbhsec_", Prefix: "wbhsec_"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Persona says that it is the time at which the request was sent.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID (evt_…) stands in the signed body. How long the eight attempts take is not documented.",
		},
		Retries: verifiers.Retries{
			Deadline: 5 * time.Second,
			Attempts: 8,
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body: `{"data":{"type":"event","id":"{id}","attributes":{"name":"inquiry.completed","created-at":"{time}",` +
				`"payload":{"data":{"type":"inquiry","id":"inq_1001","attributes":{"status":"completed"}}}}}}`,
		},
	}
}
