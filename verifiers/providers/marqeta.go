package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(marqeta) }

func marqeta() verifiers.Provider {
	return verifiers.Provider{
		Name:  "marqeta",
		Title: "Marqeta",
		Docs: []string{
			"https://www.marqeta.com/docs/developer-guides/signature-verification.md",
			"https://www.marqeta.com/docs/core-api/webhooks/ping.md",
		},
		Why: "Every webhook has basic authentication. Where a webhook is signed as well, marqeta-signed is the better " +
			"choice. A request brings a list of events; its type is that of the first.",
		Confirmed: true,
		Scheme: verifiers.Token{
			From:  "basic",
			Facts: verifiers.Facts{EventType: []string{"{json:transactions.0.type}", "{json:cardtransitions.0.type}"}},
		},
		Secret: verifiers.SecretInfo{Name: "user:password", Where: "basic_auth_username and basic_auth_password of the webhook, with a colon between"},
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
			Window:       week,
			UniqueBodies: true,
			Why:          "The events of a list have tokens and times of their own, the list has no ID.",
		},
		Sample: verifiers.Sample{
			Body: `{"transactions":[{"token":"{id}","type":"authorization","state":"PENDING","identifier":"1001","user_token":"user-1001",` +
				`"created_time":"{time}","amount":10.00,"currency_code":"USD"}]}`,
		},
	}
}
