package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(authorizeNet) }

func authorizeNet() verifiers.Provider {
	scheme := overBody("hex_upper", "X-ANET-Signature")
	scheme.EventID = []string{"{json:notificationId}"}
	scheme.EventType = []string{"{json:eventType}"}
	scheme.Hash, scheme.Signature.Prefix = "sha512", "sha512="
	return verifiers.Provider{
		Name:  "authorize-net",
		Title: "Authorize.net",
		Docs: []string{
			"https://developer.authorize.net/api/reference/features/webhooks.html",
			"https://community.developer.cybersource.com/t5/Integration-and-Testing/HMAC-SHA-512-hash-not-matching-in-webhook-callback/td-p/57162",
		},
		Why: "The key is the text of the signature key. Its hex is decoded for the hashes of transactions. An example that a " +
			"merchant worked out and published matches a webhook with the text only.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signature key", Where: "Account > Settings > API Credentials & Keys"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       168 * time.Hour,
			UniqueBodies: true,
			Why:          "The notification's ID stands in the signed body. Retries may go on for days.",
		},
		Sample: verifiers.Sample{
			Body: `{"notificationId":"{id}","eventType":"net.authorize.payment.authcapture.created","eventDate":"{time}",` +
				`"webhookId":"63d6fea2-aa13-4b1d-a204-f5fbc15942b7","payload":{"responseCode":1,"authAmount":45.00,"entityName":"transaction",` +
				`"id":"60020981676"}}`,
		},
	}
}
