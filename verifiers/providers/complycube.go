package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(complycube) }

func complycube() verifiers.Provider {
	scheme := overBody("hex", "complycube-signature")
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "complycube",
		Title: "ComplyCube",
		Docs: []string{
			"https://docs.complycube.com/documentation/guides/webhooks",
			"https://docs.complycube.com/api-reference/other-resources/webhooks",
			"https://www.npmjs.com/package/@complycube/api",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "the ComplyCube web portal, Developers > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{Why: "The only time is in the body and is that of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       2 * week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Retries: verifiers.Retries{ // 60 s, 120 s, 480 s and so forth; the rest is not documented
			Deadline: 15 * time.Second,
			Attempts: 11,
		},
		Sources: verifiers.Sources{
			Retries:  "https://docs.complycube.com/api-reference/other-resources/webhooks",
			Deadline: "https://docs.complycube.com/api-reference/other-resources/webhooks",
			Answers:  "https://docs.complycube.com/api-reference/other-resources/webhooks",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","type":"check.completed","resourceType":"check","payload":{"id":"check-1001","status":"complete","outcome":"clear"},` +
				`"createdAt":"{time}"}`,
		},
	}
}
