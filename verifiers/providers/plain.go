package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(plain) }

func plain() verifiers.Provider {
	scheme := overBody("hex", "Plain-Request-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{json:webhookMetadata.webhookDeliveryAttemptTimestamp}", Format: "rfc3339"}
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "plain",
		Title: "Plain (webhooks)",
		Docs: []string{
			"https://plain.com/docs/request-signing",
			"https://github.com/team-plain/typescript-sdk/blob/main/src/webhooks/verify.ts",
		},
		Why:       "Requests for customer cards are signed as well, but want an answer and have no time: they are refused here.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "HMAC secret", Where: "Settings > Request signing"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The body has the time of the attempt. Plain's library allows 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body. A retry changes the number of the attempt and its time, so a digest of the body is no key.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "pEv_",
			Body: `{"timestamp":"{time}","workspaceId":"w_1001","payload":{"eventType":"thread.thread_created","thread":{"id":"th_1001","title":"Example"}},` +
				`"id":"{id}","webhookMetadata":{"webhookTargetId":"whTarget_1001","webhookDeliveryAttemptId":"whAttempt_1001",` +
				`"webhookDeliveryAttemptNumber":1,"webhookDeliveryAttemptTimestamp":"{time}"},"type":"thread.thread_created"}`,
		},
	}
}
