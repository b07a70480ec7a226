package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(moderationAPI) }

func moderationAPI() verifiers.Provider {
	scheme := overBody("hex", "modapi-signature")
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "moderation-api",
		Title: "Moderation API",
		Docs: []string{
			"https://github.com/moderation-api/sdk-typescript",
			"https://www.npmjs.com/package/@moderation-api/sdk",
		},
		Why:       "Moderation API's library takes a request with an empty signature. It is refused here.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "the webhook's settings in the Moderation API dashboard"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","type":"QUEUE_ITEM_ACTION","timestamp":{unix}000,"item":{"id":"item-1001","flagged":true,"labels":[],` +
				`"language":"en","content":"Hello","timestamp":{unix}000},"queue":{"id":"queue-1001","name":"Default"},` +
				`"action":{"id":"action-1001","key":"remove","name":"Remove","value":""}}`,
		},
	}
}
