package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(auth0) }

func auth0() verifiers.Provider {
	return verifiers.Provider{
		Name:  "auth0",
		Title: "Auth0 log streams",
		Docs:  []string{"https://auth0.com/docs/customize/log-streams/custom-log-streams"},
		Why: "Nothing is signed: the stream sends the value of its Authorization Token setting, whole, word Bearer included if it is there. " +
			"Bodies may be JSON lines, which is why nothing is read from them.",
		Confirmed: true,
		Scheme:    verifiers.Token{Names: []string{"Authorization"}},
		Secret:    verifiers.SecretInfo{Name: "Authorization Token", Where: "Monitoring > Streams > the stream > Settings; you chose it there"},
		Freshness: verifiers.Freshness{Why: "Each entry of a batch has a time of its own; the batch has none."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A body is a batch of log entries, each with an ID of its own.",
		},
		Sample: verifiers.Sample{
			Body: `[{"log_id":"{id}","data":{"date":"{time}","type":"s","client_id":"AaiyAPdpYdesoKnqjj8HJqRn4T5titww","log_id":"{id}"}}]`,
		},
	}
}
