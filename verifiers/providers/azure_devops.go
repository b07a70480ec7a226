package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(azureDevOps) }

func azureDevOps() verifiers.Provider {
	return verifiers.Provider{
		Name:  "azure-devops",
		Title: "Azure DevOps service hooks",
		Docs: []string{
			"https://learn.microsoft.com/azure/devops/service-hooks/services/webhooks",
			"https://learn.microsoft.com/azure/devops/service-hooks/events",
		},
		Why: "Nothing is signed: the user and the password of basic authentication are all there is. " +
			"Where a header of its own is configured instead, say from header and its name.",
		Confirmed: true,
		Scheme: verifiers.Token{
			From: "basic",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:createdDate}", Format: "rfc3339"},
				EventID:   []string{"{json:subscriptionId}:{json:id}", "{json:id}"},
				EventType: []string{"{json:eventType}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "user:password", Where: "Project settings > Service hooks > the subscription > Action, where you chose both"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own, and the schedule of retries is not documented. A week outlasts any that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The event's ID stands in the body. Two subscriptions share it, so theirs counts as well.",
		},
		Sample: verifiers.Sample{
			Body: `{"subscriptionId":"00000000-0000-4000-8000-000000000000","notificationId":1,"id":"{id}","eventType":"build.complete",` +
				`"publisherId":"tfs","message":{"text":"Build 20260301.1 succeeded"},"resource":{"id":2,"buildNumber":"20260301.1","status":"succeeded"},` +
				`"resourceVersion":"1.0","createdDate":"{time}"}`,
		},
	}
}
