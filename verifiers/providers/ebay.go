package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(ebay) }

func ebay() verifiers.Provider {
	return verifiers.Provider{
		Name:  "ebay",
		Title: "eBay",
		Docs: []string{
			"https://developer.ebay.com/develop/guides-v2/marketplace-user-account-deletion/marketplace-user-account-deletion",
			"https://developer.ebay.com/api-docs/commerce/notification/overview.html",
			"https://github.com/eBay/event-notification-nodejs-sdk",
		},
		Why: "The header is JSON in base64 with the ID of the key and the signature: ECDSA over SHA-1, which eBay has nothing beside. The key is asked " +
			"for by its ID from eBay's API, with the app's own credentials. eBay's own library signs the JSON as JavaScript writes it, which the " +
			"body is already.",
		Confirmed: true,
		Scheme: ebayScheme{Facts: verifiers.Facts{
			Timestamp: verifiers.Timestamp{From: "{json:notification.publishDate}", Format: "rfc3339"},
			EventID:   []string{"{json:notification.notificationId}"},
			EventType: []string{"{json:metadata.topic}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:     "public key",
			Where:    "the key in the answer of GET /commerce/notification/v1/public_key/{kid}; without one it is fetched",
			Optional: true,
		},
		Options: []verifiers.Option{
			{
				Name: "client_id", What: "the App ID (client ID) of the app's keyset, with which keys are fetched",
				Required: true, Fetching: true, Example: "Example-hooks-PRD-000000000-00000000",
			},
			{
				Name: "client_secret", What: "the Cert ID (client secret) of the app's keyset",
				Required: true, Fetching: true, Secret: true, Example: "PRD-not-a-real-secret",
			},
			{
				Name: "verification_token", What: "the verification token that was given to eBay with the endpoint: without it eBay's challenge is refused",
				Secret: true, Pattern: `[A-Za-z0-9_-]{32,80}`, Example: "not_a_real_verification_token_of_32",
			},
			{
				Name: "environment", What: "production, which is the default, or sandbox",
				Pattern: "production|sandbox", Example: "sandbox",
			},
		},
		Handshakes: []verifiers.Handshake{{
			Name:   "challenge",
			Method: "GET",
			When:   []verifiers.Condition{{Of: "{query:challenge_code}"}},
			Guard:  []verifiers.Condition{{Of: "{query:challenge_code}", Like: `[A-Za-z0-9_-]{1,128}`}},
			// The endpoint is hashed as it was given to eBay. The URL that eBay calls also
			// has the challenge.
			Proof: verifiers.Proof{Digest: true, Content: "{query:challenge_code}{option:verification_token}{url.base}"},
			Type:  "application/json",
			Body:  `{{"challengeResponse":"{proof}"}}`,
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The times are those of the event, and for how long eBay tries is not documented. A week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body. The body also counts the attempts, so that its digest would be another each time.",
		},
		Answers: verifiers.Answers{Refused: verifiers.Answer{Status: 412}},
		Sources: verifiers.Sources{
			Answers: "eBay/event-notification-nodejs-sdk, README.md",
		},
		Sample: verifiers.Sample{
			Body: `{"metadata":{"topic":"MARKETPLACE_ACCOUNT_DELETION","schemaVersion":"1.0","deprecated":false},"notification":{"notificationId":"{id}",` +
				`"eventDate":"{time}","publishDate":"{time}","publishAttemptCount":1,"data":{"username":"test_user","userId":"ma8vp1jySJC","eiasToken":"bm90IHJlYWw="}}}`,
		},
	}
}
