package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(microsoftGraph) }

func microsoftGraph() verifiers.Provider {
	return verifiers.Provider{
		Name:  "microsoft-graph",
		Title: "Microsoft Graph",
		Docs: []string{
			"https://learn.microsoft.com/graph/change-notifications-delivery-webhooks",
			"https://learn.microsoft.com/graph/change-notifications-with-resource-data",
		},
		Why: "Nothing is signed: each notification repeats the clientState that its subscription was made with, and one in the batch without it has " +
			"the whole refused. Notifications with resource data bring tokens besides, which are checked where app_id says for whom they have to be.",
		Confirmed: true,
		Scheme:    graphScheme{},
		Secret: verifiers.SecretInfo{
			Name:  "clientState",
			Where: "your own choice; give it as clientState when you create the subscription",
		},
		Options: []verifiers.Option{
			{
				Name: "app_id", What: "the application (client) ID of the app registration that subscribes; tokens in validationTokens need it as audience",
				Many: true, Pattern: uuidForm, Example: "8e460676-ae3f-4b1e-8790-ee0fb5d6148f",
			},
			{
				Name: "tenant_id", What: "the directory (tenant) ID, if tokens of any other tenant are to be refused",
				Many: true, Pattern: uuidForm, Example: "84bd8158-6d4d-4958-8b9f-9d6445542f95",
			},
		},
		Handshakes: []verifiers.Handshake{graphValidation("POST"), graphValidation("GET")},
		Freshness:  verifiers.Freshness{Why: "No notification says when it was made. A token in it lives for an hour."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "A body is a batch, recognised by the IDs of all its notifications. Where one has none, nothing is: two changes of a resource may " +
				"read the same.",
		},
		Retries:      verifiers.Retries{Deadline: 3 * time.Second, Horizon: 4 * time.Hour},
		Confidential: []verifiers.Place{{From: "json", Name: "value.#.clientState"}, {From: "json", Name: "validationTokens"}},
		Sources: verifiers.Sources{
			Retries:  "microsoftgraph/microsoft-graph-docs-contrib, concepts/change-notifications-delivery-webhooks.md",
			Deadline: "microsoftgraph/microsoft-graph-docs-contrib, concepts/change-notifications-delivery-webhooks.md",
			Answers:  "microsoftgraph/microsoft-graph-docs-contrib, concepts/change-notifications-delivery-webhooks.md",
		},
		Sample: verifiers.Sample{
			Body: `{"value":[{"id":"{id}","subscriptionId":"{uuid}","subscriptionExpirationDateTime":"{time}","clientState":"",` +
				`"changeType":"created","resource":"users/1001/messages/AAMkAGI1","tenantId":"84bd8158-6d4d-4958-8b9f-9d6445542f95"}]}`,
		},
	}
}

// graphValidation repeats the token by which a subscription makes sure of the
// endpoint, decoded and as plain text.
func graphValidation(method string) verifiers.Handshake {
	return verifiers.Handshake{
		Name:   "validation",
		Method: method,
		When:   []verifiers.Condition{{Of: "{query:validationToken}"}},
		Guard:  []verifiers.Condition{{Of: "{query:validationToken}", Like: `[A-Za-z0-9 :;,.|_~+/=-]{1,1000}`}},
		Body:   "{query:validationToken}",
	}
}
