package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(pipedrive) }

func pipedrive() verifiers.Provider {
	return verifiers.Provider{
		Name:  "pipedrive",
		Title: "Pipedrive",
		Docs: []string{
			"https://pipedrive.readme.io/docs/guide-for-webhooks-v2",
			"https://pipedrive.readme.io/docs/guide-for-webhooks",
			"https://github.com/pipedrive/client-nodejs/blob/master/src/versions/v1/models/add-webhook-request.ts",
		},
		Confirmed: true,
		Why:       "Pipedrive does not sign. It sends the user and the password that were given with the webhook, which prove nothing of the body.",
		Scheme: verifiers.Token{
			From:  "basic",
			Facts: verifiers.Facts{EventType: []string{"{json:event}", "{json:meta.action}.{json:meta.entity}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "HTTP auth username and password, as user:password", Where: "Settings > Tools and apps > Webhooks"},
		Freshness: verifiers.Freshness{Why: "Version 1 and version 2 write the event's time in different ways, and neither gives that of the attempt."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "In version 1 meta.id is the ID of the deal or person, not of the event. The time distinguishes bodies. " +
				"A retry that counts itself in the body passes as another event.",
		},
		Sources: verifiers.Sources{
			Answers: "https://devcommunity.pipedrive.com/t/troubleshooting-webhook-delivery-and-payload-structure/4964",
		},
		Sample: verifiers.Sample{
			Body: `{"meta":{"action":"change","company_id":"8315000","entity":"deal","entity_id":"1","id":"{uuid}","timestamp":"{time}",` +
				`"user_id":"13055000","version":"2.0"},"data":{"id":1,"status":"won","title":"A deal"},"previous":{"status":"open"}}`,
		},
	}
}
