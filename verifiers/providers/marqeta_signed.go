package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(marqetaSigned) }

func marqetaSigned() verifiers.Provider {
	scheme := overBody("hex", "X-Marqeta-Signature")
	scheme.EventType = []string{"{json:transactions.0.type}", "{json:cardtransitions.0.type}"}
	return verifiers.Provider{
		Name:  "marqeta-signed",
		Title: "Marqeta (signed)",
		Docs: []string{
			"https://www.marqeta.com/docs/developer-guides/signature-verification.md",
			"https://www.marqeta.com/docs/core-api/webhooks/ping.md",
		},
		Why: "A webhook's signature_algorithm is HMAC_SHA_256 or HMAC_SHA_1; for the latter write `hash sha1`. The basic " +
			"authentication that comes along is not looked at: the signature says more. A request brings a list of events; its " +
			"type is that of the first.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the secret of the webhook's configuration"},
		Handshakes: []verifiers.Handshake{{
			Name: "ping",
			When: []verifiers.Condition{
				{Of: "{json:pings.0.token}", Is: []string{"marqeta"}},
				{Of: "{json:pings.0.payload}", Is: []string{"healthcheck"}},
			},
			Verified: true,
		}},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       24 * time.Hour,
			UniqueBodies: true,
			Why:          "The events of a list have tokens and times of their own, the list has no ID.",
		},
		Sample: verifiers.Sample{
			Body: `{"transactions":[{"token":"{id}","type":"authorization","state":"PENDING","identifier":"1001","user_token":"user-1001",` +
				`"created_time":"{time}","amount":10.00,"currency_code":"USD"}]}`,
		},
	}
}
