package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(azureEventGrid) }

func azureEventGrid() verifiers.Provider {
	return verifiers.Provider{
		Name:  "azure-event-grid",
		Title: "Azure Event Grid",
		Docs: []string{
			"https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema",
			"https://learn.microsoft.com/azure/event-grid/end-point-validation-cloud-events-schema",
			"https://learn.microsoft.com/azure/event-grid/security-authentication",
		},
		Why: "Nothing is signed: the secret stands in the URL of the subscription, as ?secret=…. " +
			"Subscriptions with Entra ID send a bearer token instead, which this row does not check.",
		Confirmed: true,
		Scheme:    verifiers.Token{From: "query", Names: []string{"secret"}},
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "your own choice; append ?secret=… to the endpoint of the subscription"},
		Handshakes: []verifiers.Handshake{
			{
				Name: "subscription_validation",
				When: []verifiers.Condition{{Of: "{header:aeg-event-type}", Is: []string{"SubscriptionValidation"}, Fold: true}},
				// The URL has the secret here as well.
				Verified: true,
				Guard:    []verifiers.Condition{{Of: "{json:0.data.validationCode}", Like: `[A-Za-z0-9-]{1,128}`}},
				Type:     "application/json",
				Body:     `{{"validationResponse":"{json:0.data.validationCode}"}}`,
			},
			{
				Name:   "cloudevents_validation",
				Method: "OPTIONS",
				When:   []verifiers.Condition{{Of: "{header:WebHook-Request-Origin}"}},

				Verified: true,
				Guard:    []verifiers.Condition{{Of: "{header:WebHook-Request-Origin}", Like: `[A-Za-z0-9.-]{1,253}`}},
				Header: map[string]string{
					"Allow":                  "POST",
					"WebHook-Allowed-Origin": "{header:WebHook-Request-Origin}",
					"WebHook-Allowed-Rate":   "*",
				},
			},
		},
		Freshness: verifiers.Freshness{Why: "Each event of a batch has a time of its own; the batch has none."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A body is a batch of events, each with an ID of its own.",
		},
		Retries: verifiers.Retries{Deadline: 30 * time.Second, Attempts: 30, Horizon: 24 * time.Hour},
		Sources: verifiers.Sources{
			Retries:  "MicrosoftDocs/azure-docs, articles/event-grid/delivery-and-retry.md",
			Deadline: "MicrosoftDocs/azure-docs, articles/event-grid/delivery-and-retry.md",
			Answers:  "MicrosoftDocs/azure-docs, articles/event-grid/delivery-and-retry.md",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"aeg-event-type": "Notification", "aeg-subscription-name": "ORDERS"},
			Body: `[{"id":"{id}","topic":"/subscriptions/1001/resourceGroups/shop","subject":"orders/1001","eventType":"Shop.OrderPaid",` +
				`"eventTime":"{time}","data":{"orderId":1001},"dataVersion":"1.0","metadataVersion":"1"}]`,
		},
	}
}
